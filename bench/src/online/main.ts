/** What is learned online, in one pass over recorded answers: how far behind a fitted policy, what it spends, how fast it recovers. */
import { consensusTasks, loadPrices, loadRows, recordedFolder } from "../answers/rows.js";
import { parseArgs } from "node:util";
import { runBench } from "../harness/options.js";
import { type Goal, goal, info, type Info, progress, readable, report } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { changedPass, coldPass, errorOf, fittedUtilities, governedPass, type Task, warmPass } from "./measure.js";

const small = [
  "gemini-1.5-flash",
  "deepseek-v2.5-0908",
  "gpt-4o-mini-2024-07-18",
  "Meta-Llama-3.1-70B-Instruct",
  "Mistral-Large-2",
  "gpt-4o-2024-08-06",
  "claude-3-5-sonnet-20241022",
];
/** Who may be asked, and what a thousandth of a dollar a question must bring in accuracy. */
const setups: Readonly<
  Record<(typeof consensusTasks)[number], { models: readonly string[]; mu: number; within: number }>
> = {
  gsm: { models: small, mu: 0.05, within: 0.5 },
  "math-l5": { models: small, mu: 0.03, within: 1.5 },
  crux: { models: small, mu: 0.03, within: 1.5 },
  "mmlu-pro": {
    models: [
      "gemini-1.5-flash-002",
      "gemini-1.5-pro-002",
      "Meta-Llama-3.1-8B-Instruct",
      "Meta-Llama-3.1-70B-Instruct",
      "Qwen1.5-72B-Chat",
      "Phi-3-mini-4k-instruct",
    ],
    mu: 0.12,
    within: 1.5,
  },
};
const shares = [0.25, 0.4, 0.6] as const;

runBench(async () => {
  const flag = { type: "boolean", default: false } as const;
  const { values: options } = parseArgs({ options: { json: flag, long: flag, write: flag, data: { type: "string" } } });
  const folder = recordedFolder(options.data);
  const prices = loadPrices(folder);
  const goals: Goal[] = [];
  const infos: Record<string, Info> = {};
  const recovered = { stale: 0, live: 0, fresh: 0 };
  for (const name of consensusTasks) {
    const { models, mu, within } = setups[name];
    const rows = loadRows(folder, name);
    const task: Task = { name, models, rows, prices, valueUsdMicros: 1_000 / mu };
    const large = rows.length > 2_000;
    const seeds = Array.from({ length: (large ? 1 : 6) * (options.long ? 3 : 1) }, (_, i) => i + 1);
    const fitted = fittedUtilities(task);
    const cold = seeds.map((seed) => coldPass(task, fitted, seed));
    goals.push(
      goal(
        `${name}.online`,
        "points of utility behind the fitted policy over the last half",
        "points",
        middle(cold.map((c) => c.behind)),
        "<=",
        within,
      ),
    );
    const known = [...fitted.values()];
    infos[`${name} utility of the fitted policy, all rows`] = info(
      "points",
      middle([(100 * known.reduce((a, b) => a + b, 0)) / known.length]),
    );
    infos[`${name} utility, last half`] = info("points", middle(cold.map((c) => c.utility)));
    infos[`${name} accuracy, last half`] = info("%", middle(cold.map((c) => c.accuracy)));
    infos[`${name} behind over the whole stream, exploring included`] = info(
      "points",
      middle(cold.map((c) => c.behindWhole)),
    );
    const labels = cold.flatMap((c) => c.labels);
    goals.push(goal(`${name}.ece`, "calibration error after 300 labels", "", spread([errorOf(labels)]), "<=", 0.05));
    progress(`${name}: ${cold.map((c) => c.behind.toFixed(2)).join(", ")} points behind`);
    const warm = seeds.map((seed) => warmPass(task, fitted, seed));
    goals.push(goal(`${name}.warm`, "the same with a warm start", "points", middle(warm), "<=", 1));
    const governed = shares.flatMap((share) => seeds.slice(0, 2).map((seed) => governedPass(task, share, seed)));
    const off = governed.map((spent) => 100 * Math.abs(spent - 1));
    goals.push(
      goal(
        `${name}.governor`,
        "the furthest that spending was from its target",
        "%",
        { ...spread(off), value: Math.max(...off) },
        "<=",
        1,
      ),
    );
    progress(
      `${name}: warm ${warm.map((w) => w.toFixed(2)).join(", ")}; spent ${governed.map((g) => g.toFixed(4)).join(", ")}`,
    );
    for (const seed of seeds.slice(0, large ? 1 : 3)) {
      const one = changedPass(task, seed);
      for (const key of ["stale", "live", "fresh"] as const) recovered[key] += one[key];
    }
    progress(`${name}: recovered so far ${JSON.stringify(recovered)}`);
  }
  const share = (recovered.live - recovered.stale) / (recovered.fresh - recovered.stale);
  goals.push(
    goal(
      "recovery",
      "share of the lost reward that is back 200 requests after a silent loss of 0.3",
      "",
      spread([share]),
      ">=",
      0.9,
    ),
  );
  const result = report("online", goals, infos, { setups, shares, folds: 5 });
  if (options.write) progress(`wrote ${writePage(result)}`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
});

/** The mean over orders, with its extremes. */
function middle(values: readonly number[]): { value: number; min: number; max: number; rounds: number } {
  return { ...spread(values), value: values.reduce((a, b) => a + b, 0) / values.length };
}
