import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { projectFile } from "../harness/children.js";
import type { CallFrame } from "./inspector.js";

/** Where time or memory went. */
export interface Place {
  /** The function, with its file and line as it was written. */
  readonly where: string;
  /** What it belongs to: a source file of ours, a package, a part of Node, the collector. */
  readonly owner: string;
  readonly ours: boolean;
}

type Payload = ConstructorParameters<typeof SourceMap>[0];
const maps = new Map<string, SourceMap | undefined>();

function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) {
    const path = `${file}.map`;
    maps.set(file, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, "utf8")) as Payload) : undefined);
  }
  return maps.get(file);
}

/** The written place of a function of a built file. */
export function placeOf(frame: CallFrame): Place {
  const name = frame.functionName || "(anonymous)";
  if (frame.url === "") return { where: name, owner: ownerOfNative(name), ours: false };
  if (frame.url.startsWith("node:")) {
    return {
      where: `${name} ${frame.url}:${frame.lineNumber + 1}`,
      owner: frame.url.split("/", 2).join("/"),
      ours: false,
    };
  }
  const file = frame.url.startsWith("file:") ? fileURLToPath(frame.url) : frame.url;
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(file);
  if (inPackage !== null) {
    const [, owner = "", path = ""] = inPackage;
    return { where: `${name} ${owner}/${path}:${frame.lineNumber + 1}`, owner, ours: false };
  }
  const entry = mapOf(file)?.findEntry(frame.lineNumber, frame.columnNumber);
  const written =
    entry !== undefined && "originalSource" in entry
      ? { path: resolve(dirname(file), entry.originalSource), line: entry.originalLine + 1 }
      : { path: file, line: frame.lineNumber + 1 };
  const path = relative(projectFile("."), written.path);
  return { where: `${name} ${path}:${written.line}`, owner: path, ours: true };
}

function ownerOfNative(name: string): string {
  if (name === "(garbage collector)") return "garbage collector";
  if (name === "(program)") return "Node outside JavaScript: sockets, system calls";
  return "built-in functions";
}
