import { readFile, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** What a citation opens: some lines of a file around the one cited. */
export interface Excerpt {
  readonly path: string;
  /** The line cited; the first is 1. */
  readonly line: number;
  /** Number of the first of `lines`. */
  readonly from: number;
  readonly lines: readonly string[];
}

const BEFORE = 6;
const AFTER = 18;

/** What adapters cite from, below the project's root. */
const readable = ["docs", "README.md"];

/**
 * Opens `path:line` for reading.
 * @returns undefined when there is no such line, or when the file is none that adapters cite from
 */
export async function openSource(root: string, locator: string): Promise<Excerpt | undefined> {
  const [, path, number] = /^(.+):(\d{1,9})$/.exec(locator) ?? [];
  if (path === undefined || number === undefined || path.includes("\0")) return undefined;
  const base = await realpath(root);
  // A link may lead out of the folder: what counts is where it ends.
  const file = await realpath(join(base, path)).catch(() => undefined);
  if (file === undefined) return undefined;
  const inside = relative(base, file).split(sep);
  if (!readable.includes(inside[0] ?? "")) return undefined;
  const text = await readFile(file, "utf8").catch(() => undefined);
  const all = text?.split(/\r?\n/) ?? [];
  const line = Number(number);
  if (line < 1 || line > all.length) return undefined;
  const from = Math.max(1, line - BEFORE);
  return { path: inside.join("/"), line, from, lines: all.slice(from - 1, line + AFTER) };
}
