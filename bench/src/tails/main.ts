/** Slow and failing adapters, in virtual time on the production router: hedges, an adapter down, all down, answers cut. */
import { benchOptions, runBench } from "../harness/options.js";
import { goal, info, progress, readable, report } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { injectCuts } from "./cuts.js";
import { outage, stragglers } from "./runs.js";

runBench(async () => {
  const options = benchOptions();
  const seeds = Array.from({ length: options.long ? 15 : 5 }, (_, i) => i + 1);
  const slow: Awaited<ReturnType<typeof stragglers>>[] = [];
  const one: Awaited<ReturnType<typeof outage>>[] = [];
  const all: Awaited<ReturnType<typeof outage>>[] = [];
  for (const seed of seeds) {
    slow.push(await stragglers(seed, 3_000));
    progress(`seed ${seed}: ${JSON.stringify(slow.at(-1))}`);
    one.push(await outage(seed, 1_600, ["b"]));
    all.push(await outage(seed, 1_600, ["a", "b", "c"]));
    progress(`seed ${seed}: one down ${JSON.stringify(one.at(-1))}, all down ${JSON.stringify(all.at(-1))}`);
  }
  const cuts = await injectCuts(1, 10_000);
  progress(`cuts: ${JSON.stringify(cuts)}`);
  const figure = (values: readonly number[]) => spread(values);
  const goals = [
    goal(
      "G6a.p99",
      "p99 with hedges / without, 5% of calls ten times slower",
      "",
      figure(slow.map((s) => s.p99)),
      "<=",
      0.35,
    ),
    goal("G6a.calls", "extra calls", "", figure(slow.map((s) => s.extraCalls)), "<=", 0.1),
    goal("G6a.spend", "extra spend by the ledger", "", figure(slow.map((s) => s.extraSpend)), "<=", 0.05),
    goal(
      "G6b.success",
      "successes from the moment one adapter of three refuses all calls",
      "",
      figure(one.map((o) => o.success)),
      ">=",
      0.999,
    ),
    goal("G6b.p95", "p95 from 2 s after that / the same trace without", "", figure(one.map((o) => o.p95)), "<=", 1.2),
    goal(
      "G6c.attempts",
      "calls for a request while all adapters refuse",
      "",
      figure(all.map((o) => o.attempts)),
      "<=",
      1.2,
    ),
    goal("G6d.truncated", "cut answers told as a success", "", figure([cuts.truncated]), "==", 0),
    goal("G6d.duplicated", "answers whose partials tell text twice", "", figure([cuts.duplicated]), "==", 0),
    goal("G6d.injected", "answers that were cut", "", figure([cuts.injected]), ">=", 10_000),
  ];
  const result = report(
    "tails",
    goals,
    {
      "p99 without hedges": info("ms", figure(slow.map((s) => s.plainMs))),
      "p99 with hedges": info("ms", figure(slow.map((s) => s.hedgedMs))),
      "failed requests among the slow": info("", figure(slow.map((s) => s.failed))),
      "cut and answered anew": info("", figure([cuts.ends.ok])),
      "cut and ended with an error": info("", figure([cuts.ends.error])),
    },
    { seeds, requests: { slow: 3_000, outage: 1_600 }, perSecond: 20, firstMs: 200, sigma: 0.3, pieces: 10 },
  );
  if (options.write) progress(`wrote ${writePage(result)}`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
});
