// Refuses changes of the wire's schemas that break a peer of the released version: a member gone, a new duty, a narrower
// type. New optional members, payload types, kinds and enum values are fine.
import { readFile } from "node:fs/promises";
import { incompatibilities } from "./schema-compat.mjs";
import { buildDocuments } from "./schema-documents.mjs";

const released = JSON.parse(await readFile(new URL("../schemas/released.json", import.meta.url), "utf8"));
const faults = incompatibilities(released, await buildDocuments());
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
console.log("the schemas are compatible with the released ones");
