// The client and a real router in a page, on virtual time: 2,000 seeded runs with cuts at every frame boundary, half-open
// sockets, sleep and wake. `ATP_SEED` names another first seed, `ATP_CUT_RUNS` another number.
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../lib.mjs";

export const name = "cut-runs";

const count = Number(process.env.ATP_CUT_RUNS ?? 2_000);
const seed = Number(process.env.ATP_SEED ?? 1);

/** The simulation lets promises settle by `setImmediate`, which a page has not. */
const prelude = `const channel = new MessageChannel(); const due = [];
channel.port1.onmessage = () => due.shift()();
globalThis.setImmediate ??= (fn) => { due.push(fn); channel.port2.postMessage(0); };`;

export async function run(browser) {
  const source = (path) => join(root, "packages", path);
  const { outputFiles } = await build({
    entryPoints: [source("atp-client/test/support/cut-runs.ts")],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "cuts",
    platform: "browser",
    target: "es2022",
    tsconfig: join(root, "tsconfig.base.json"),
    banner: { js: prelude },
    logLevel: "error",
  });
  const page = await browser.newPage();
  try {
    await page.addScriptTag({ content: outputFiles[0].text });
    const began = Date.now();
    const result = await page.evaluate(([runs, from]) => globalThis.cuts.cutRuns(runs, from), [count, seed]);
    const { runs, failures, resumed, byKind } = result;
    if (failures.length > 0) throw new Error(`${failures.length} of ${runs}:\n${failures.slice(0, 20).join("\n")}`);
    if (runs !== count || resumed < runs / 2) throw new Error(`only ${runs} runs, ${resumed} resumed`);
    return `${runs} runs, ${resumed} resumed, ${JSON.stringify(byKind)}, ${Date.now() - began} ms, ${browser.version()}`;
  } finally {
    await page.close();
  }
}
