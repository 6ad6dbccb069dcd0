import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Trace } from "./trace-data.js";
import type { VectorFile } from "./vector-data.js";

/** The folder `conformance` of the package, found from its sources as well as from its build. */
export const dataFolder: string = findFolder();

function findFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const folder = join(at, "conformance");
    if (existsSync(join(folder, "vectors"))) return folder;
    if (dirname(at) === at) throw new Error("the conformance data are not in this package");
  }
}

/** Everything of one folder of data, by file name. */
function readAll<T>(name: string): T[] {
  const folder = join(dataFolder, name);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as T);
}

/** All vector files. */
export function readVectors(): VectorFile[] {
  return readAll<VectorFile>("vectors");
}

/** All traces of all files. */
export function readTraces(): Trace[] {
  return readAll<{ readonly traces: readonly Trace[] }>("traces").flatMap((file) => file.traces);
}

/** Rules without a check, each with its reason. */
export function readExclusions(): readonly { readonly reason: string; readonly ids: readonly string[] }[] {
  return JSON.parse(readFileSync(join(dataFolder, "exclusions.json"), "utf8")) as {
    readonly reason: string;
    readonly ids: readonly string[];
  }[];
}
