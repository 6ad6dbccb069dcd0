import { spawnSync } from "node:child_process";
import { projectFile } from "../harness/children.js";

/** Sizes of the built client, in KiB of 1,000 bytes as size-limit counts them, minified and gzipped. */
export interface Sizes {
  readonly everything: number;
  readonly react: number;
  /** Whether zod or a Node built-in was found in it. */
  readonly clean: boolean;
}

/** The figures of `npm run size`. */
export function sizes(): Sizes {
  const ran = spawnSync(projectFile("node_modules/.bin/size-limit"), ["--json"], {
    cwd: projectFile(""),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const told = JSON.parse(ran.stdout.slice(ran.stdout.indexOf("["))) as {
    readonly name: string;
    readonly size: number;
  }[];
  const of = (name: string): number => (told.find((one) => one.name.startsWith(name))?.size ?? Number.NaN) / 1_000;
  const checked = spawnSync(process.execPath, [projectFile("scripts/size.mjs")], { encoding: "utf8" });
  const clean = (checked.stderr.match(/no zod, no Node built-in/g) ?? []).length === 2;
  return { everything: of("atp-client, everything"), react: of("atp-client/react"), clean };
}

/** Runs of the browser's suite that failed; NaN when it could not run. */
export function browserCuts(): { readonly runs: number; readonly failed: number } {
  const ran = spawnSync(process.execPath, [projectFile("scripts/test-browser.mjs"), "cut-runs"], { encoding: "utf8" });
  const runs = Number(/cut-runs: (\d+) runs/.exec(ran.stderr)?.[1] ?? Number.NaN);
  return { runs, failed: ran.status === 0 ? 0 : Number.NaN };
}
