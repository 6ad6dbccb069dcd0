// Writes the published schemas to `schemas/`. `--release` also makes them the base that `npm run breaking` compares with.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { buildDocuments, textOf } from "./schema-documents.mjs";

const folder = new URL("../schemas/", import.meta.url);
const documents = await buildDocuments();
await rm(new URL("frames", folder), { recursive: true, force: true });
await rm(new URL("payloads", folder), { recursive: true, force: true });
for (const [path, document] of Object.entries(documents)) {
  const file = new URL(path, folder);
  await mkdir(dirname(file.pathname), { recursive: true });
  await writeFile(file, textOf(document));
}
if (process.argv.includes("--release")) await writeFile(new URL("released.json", folder), textOf(documents));
console.log(`${Object.keys(documents).length} documents in schemas/`);
