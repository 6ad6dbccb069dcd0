/**
 * The documents of a folder, read once at the start.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

const maxFiles = 5_000;
const maxFileBytes = 2 * 1_024 * 1_024;
const extensions = /\.(md|markdown|txt)$/i;

/** A document. */
export interface Document {
  /** Relative to the folder's parent, with `/`: what a reader opens from there. */
  readonly path: string;
  readonly content: string;
}

/**
 * Reads every `.md`, `.markdown` and `.txt` file under a folder, and `README.md` beside it when asked. Hidden folders and
 * `node_modules` are left out, files over 2 MiB too.
 *
 * @throws Error when the folder cannot be read, or holds more than 5,000 documents
 */
export async function readDocuments(folder: string, withReadme: boolean): Promise<Document[]> {
  const root = dirname(resolve(folder));
  const files = await listFiles(resolve(folder));
  const readme = join(root, "README.md");
  if (withReadme && (await isFile(readme))) files.push(readme);
  if (files.length > maxFiles) throw new Error(`${folder} holds more than ${String(maxFiles)} documents`);
  const documents = await Promise.all(
    files.sort().map(async (file) => {
      if ((await stat(file)).size > maxFileBytes) return undefined;
      return { path: relative(root, file).split(sep).join("/"), content: await readFile(file, "utf8") };
    }),
  );
  return documents.filter((document) => document !== undefined);
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = await Promise.all(
    entries.map(async (entry) => {
      if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return listFiles(path);
      return entry.isFile() && extensions.test(basename(path)) ? [path] : [];
    }),
  );
  return lists.flat();
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
