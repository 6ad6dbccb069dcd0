import { spawnSync } from "node:child_process";
import { projectFile } from "../harness/children.js";

/** What a client's bundle carries of the protocol. */
export interface Size {
  readonly gzipBytes: number;
  readonly minBytes: number;
  /** Files of other packages in it. */
  readonly foreign: number;
}

interface Told {
  readonly min_bytes: number;
  readonly gzip_bytes: number;
  readonly foreign: readonly string[];
}

/**
 * The size by the protocol's own check, which the build runs too. That fails over its bound, so only its figures are read.
 * @throws Error when it printed none
 */
export function bundleSize(): Size {
  const script = projectFile("packages/atp-protocol/scripts/size.mjs");
  const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`${script} told no size: ${stderr}`);
  const told = JSON.parse(line) as Told;
  return { gzipBytes: told.gzip_bytes, minBytes: told.min_bytes, foreign: told.foreign.length };
}
