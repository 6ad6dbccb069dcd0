/** Lanes and overload: what gold feels, who gets how much, what is left of the work done in time, and what a refusal costs. */
import { startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { goal, info, progress, readable, report } from "../harness/report.js";
import type { Goal, Info } from "../harness/report.js";
import { ratio, spread } from "../harness/stats.js";
import { fairness } from "./fairness.js";
import { writeLanesPage } from "./page.js";
import type { QueueCosts } from "./queue-cost.js";
import { afterSlowdown, afterStep, fastAt, meanOf, recovery, slowAt, stepAt } from "./recovery.js";
import { schedulers } from "./schedulers.js";
import { shedCost } from "./shed-cost.js";
import { entitled, jain, loads, peakOf, runMs, sweep } from "./sweep.js";
import type { Run } from "./sweep.js";
import { meanMs, slots, tenants, ttlMs } from "./trace.js";
import type { SchedulerMaker } from "./world.js";

const at = (runs: readonly Run[] | undefined, load: number): Run => {
  const run = runs?.find((one) => one.load === load);
  if (run === undefined) throw new Error(`no run at ${load}`);
  return run;
};

async function queueRounds(rounds: number): Promise<QueueCosts> {
  const child = await startChild("dist/bench-lanes-queue.js");
  try {
    return await child.call<QueueCosts>("costs", rounds);
  } finally {
    await child.stop();
  }
}

runBench(async () => {
  const options = benchOptions();
  const goals: Goal[] = [];
  const infos: Record<string, Info> = {};

  const endMs = runMs(options.long);
  const sweeps = Array.from({ length: 5 }, (_, i) => {
    progress(`sweep ${i + 1} of 5`);
    return sweep(i + 1, endMs);
  });
  const ours = sweeps.map(({ runs }) => runs["ours"] ?? []);
  const goldRatio = (name: string, load: number): number[] =>
    sweeps.map(({ runs, alone }) => at(runs[name], load).goldP95 / alone.goldP95);
  const bronzeJain = (load: number) => spread(ours.map((runs) => jain(at(runs, load).bronzeTenants)));
  const ofPeak = (load: number) => spread(ours.map((runs) => at(runs, load).goodput / peakOf(runs)));

  progress("fairness over 50 seeds");
  const fair = Array.from({ length: 50 }, (_, seed) => fairness(seed + 1, options.long ? 20_000 : 4_000));
  progress("push and pop");
  const queue = await queueRounds(options.long ? 15 : 7);

  progress("recovery");
  const make = schedulers["ours"] as SchedulerMaker;
  const step = afterStep(make, options.long ? 200 : 60);
  const slow = afterSlowdown(make, options.long ? 120 : 40);
  const before = meanOf(slow.success, slowAt - 40 * meanMs, slowAt);
  const one = (value: number) => spread([value]);

  const cost = await shedCost(options.long ? 9 : 5, 5);

  goals.push(
    goal(
      "G1a.gold_p95",
      "p95 of gold at twice the capacity over gold alone",
      "x",
      spread(goldRatio("ours", 2)),
      "<=",
      1.2,
    ),
    goal(
      "G1b.jain",
      "Jain's index over tenants that always wait, no drops, least fair lane",
      "",
      spread(fair.map((f) => f.jain)),
      ">=",
      0.98,
    ),
    goal("G1b.jain_shed", "the same of bronze at twice the capacity, most of it shed", "", bronzeJain(2), ">=", 0.95),
    goal(
      "G1c.tenants",
      "widest service gap of two tenants over its bound: all pairs and windows of 50 seeds",
      "",
      one(Math.max(...fair.map((f) => f.tenantGap))),
      "<=",
      1,
    ),
    goal("G1c.lanes", "the same of two lanes, by weight", "", one(Math.max(...fair.map((f) => f.laneGap))), "<=", 1),
    goal(
      "G1d.bronze_share",
      "bronze's served work over what it is entitled to, at twice the capacity",
      "",
      spread(ours.map((runs) => at(runs, 2)).map((run) => run.served.bronze / entitled(run.offered).bronze)),
      ">=",
      0.9,
    ),
    goal("G1e.push_pop_us", "CPU of one push and one pop with 10,000 queued", "us", spread(queue.at10k), "<=", 1),
    goal("G1e.growth", "that over the same with 100 queued", "x", ratio(queue.at10k, queue.at100), "<=", 2),
    goal("G2a.goodput_3x", "goodput at three times the capacity over the sweep's best", "", ofPeak(3), ">=", 0.95),
    goal("G2b.goodput_5x", "goodput at five times the capacity over the sweep's best", "", ofPeak(5), ">=", 0.9),
    goal(
      "G2c.gold_success",
      "gold answered in time at three times the capacity, where bronze is shed",
      "",
      spread(ours.map((runs) => at(runs, 3).success.gold)),
      ">=",
      0.99,
    ),
    goal(
      "G2d.step",
      "mean calls after a step from 0.5 to 3 until nine tenths of the slots do useful work for good",
      "calls",
      one(recovery(step.useful, stepAt, 0.9)),
      "<=",
      5,
    ),
    goal(
      "G2d.step_gold",
      "gold answered in time of what came in 20 mean calls after the step",
      "",
      one(meanOf(step.gold, stepAt, stepAt + ttlMs)),
      ">=",
      0.99,
    ),
    goal(
      "G2d.slowdown",
      "mean calls after an adapter was four times slower, clients trying three times more, until success is what it was",
      "calls",
      one(recovery(slow.success, fastAt, 0.95 * before)),
      "<=",
      20,
    ),
    goal(
      "G2f.shed_cpu",
      "the router's CPU of a refused request over a served one's",
      "x",
      ratio(cost.shed, cost.served),
      "<=",
      0.02,
    ),
  );

  infos["G2c gold success at 5x"] = info("", spread(ours.map((runs) => at(runs, 5).success.gold)));
  infos["G2d gold success while the adapter is slow"] = info("", one(meanOf(slow.gold, slowAt, fastAt)));
  infos["G2e calls too late or cut, at 3x"] = info("", spread(ours.map((runs) => at(runs, 3).wasted)));
  infos["G2f served request"] = info("ms", spread(cost.served));
  infos["G2f refused request"] = info("us", spread(cost.shed.map((ms) => 1_000 * ms)));
  infos["G2f refused a second"] = info("1/s", spread(cost.shedPerSecond));
  infos["G1e push and pop at 100"] = info("us", spread(queue.at100));
  infos["G1e plain array"] = info("us", spread(queue.array));
  infos["G1d longest time without a bronze call, at 2x"] = info(
    "calls",
    spread(ours.map((runs) => at(runs, 2).bronzeGap)),
  );
  for (const [name, baseline] of Object.entries(schedulers)) {
    if (name === "ours") continue;
    infos[`G1a.${name}`] = info("x", spread(goldRatio(name, 2)));
    infos[`G2a.${name}`] = info(
      "",
      spread(sweeps.map(({ runs }) => at(runs[name], 3).goodput / peakOf(runs[name] ?? []))),
    );
    infos[`G2d.slowdown.${name}`] = info("calls", one(recovered(baseline)));
  }

  const result = report("lanes", goals, infos, { slots, tenants, meanMs, ttlMs, loads, endMs, seeds: 5 });
  if (options.write) for (const path of writeLanesPage(result, sweeps)) progress(`wrote ${path}`);
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${readable(result)}\n`);

  function recovered(baseline: SchedulerMaker): number {
    const { success } = afterSlowdown(baseline, 10);
    return recovery(success, fastAt, 0.95 * meanOf(success, slowAt - 40 * meanMs, slowAt));
  }
});
