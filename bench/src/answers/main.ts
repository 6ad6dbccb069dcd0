/** Routing and consensus on recorded answers of real models: what a fitted policy brings at what cost, beside what is known. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { projectFile, startChild } from "../harness/children.js";
import { runBench } from "../harness/options.js";
import { type Goal, goal, type Info, progress, readable, report } from "../harness/report.js";
import { writePage } from "../router/page.js";
import type { Interval } from "./bootstrap.js";
import {
  atBudget,
  baselineInfos,
  consensusGoals,
  costGoals,
  curvePercents,
  earlyGoals,
  type Group,
  intervalGoal,
  intervalInfo,
} from "./figures.js";
import { type Curve, picture } from "./picture.js";
import { consensusTasks, loadPrices, loadRows, modelsOf, pairTasks, recordedFolder } from "./rows.js";
import { consensusMs, decisionUs } from "./speed.js";
import { bestOf, singlesOf, tableOf } from "./tables.js";
import type { Part, TaskRequest } from "./task-run.js";
import { socketGoals } from "./through-sockets.js";

const together = ["gsm", "math-l5", "crux"];
const promptAims: Readonly<Record<string, number>> = { "routellm-mmlu": 0.7, "routellm-gsm8k": 0.65 };

interface Options {
  readonly json: boolean;
  readonly write: boolean;
  /** Also ask one part of each task through client, router process and replay adapters. */
  readonly throughSockets: boolean;
  readonly train: string;
  readonly test?: string;
}

function options(): Options {
  const flag = { type: "boolean", default: false } as const;
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { json: flag, long: flag, write: flag, data: text, train: text, test: text, "through-sockets": flag },
  });
  if (values.test !== undefined && values.train === undefined && values.data === undefined)
    throw new Error("--test DIR scores a policy that was fitted on other rows: give those with --train DIR");
  return {
    json: values.json,
    write: values.write,
    throughSockets: values["through-sockets"],
    train: folderOf(values.train ?? values.data),
    ...(values.test === undefined ? {} : { test: values.test }),
  };
}

/** The folder with recorded rows. Ends the run with one line when there is none: where that was found out helps nobody. */
function folderOf(given: string | undefined): string {
  try {
    return recordedFolder(given);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

/** Runs operations in two processes, the longest first. */
async function inParallel<Result>(
  jobs: readonly { readonly operation: string; readonly request: TaskRequest }[],
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    const child = await startChild("dist/bench-answers-work.js", [], ["--max-old-space-size=3072"]);
    try {
      for (let job = next++; job < jobs.length; job = next++) {
        const { operation, request } = jobs[job] as (typeof jobs)[number];
        const began = Date.now();
        results[job] = await child.call<Result>(operation, request);
        progress(`${request.task}: ${((Date.now() - began) / 1_000).toFixed(0)} s`);
      }
    } finally {
      await child.stop();
    }
  };
  await Promise.all([lane(), lane()]);
  return results;
}

/** The model that is the best over several tasks together, on the rows that are scored. */
function sharedChampion(train: string, scored: string): string {
  const prices = loadPrices(train);
  const rows = together.flatMap((task) => loadRows(scored, task));
  const table = tableOf(rows, modelsOf(rows), prices);
  return bestOf(singlesOf(table, table.all)).model;
}

function groupsOf(parts: ReadonlyMap<string, readonly Part[]>): Group[] {
  const single = consensusTasks.map((name): Group => ({ name, folds: (parts.get(name) ?? []).map((part) => [part]) }));
  const folds = parts.get("gsm")?.map((_, fold) => together.map((task) => parts.get(task)?.[fold] as Part)) ?? [];
  return [{ name: "together", folds }, ...single];
}

runBench(async () => {
  const asked = options();
  const where = { train: asked.train, ...(asked.test === undefined ? {} : { test: asked.test }) };
  const champion = sharedChampion(asked.train, asked.test ?? asked.train);
  const decision = decisionUs();
  const consensus = consensusMs();
  const tasks = [...consensusTasks].reverse().map((task) => ({
    operation: "task",
    request: { task, ...where, ...(together.includes(task) ? { sharedChampion: champion } : {}) },
  }));
  const pairs = [...pairTasks].reverse().map((task) => ({ operation: "prompt", request: { task, ...where } }));
  const results = await inParallel<Part[] | Interval>([...tasks, ...pairs]);
  const parts = new Map(tasks.map(({ request }, i) => [request.task, (results[i] as Part[]).map(revived)]));
  const groups = groupsOf(parts);
  const singles = groups.filter(({ name }) => name !== "together");
  const goals: Goal[] = [
    ...groups.flatMap(costGoals),
    ...singles.flatMap(consensusGoals),
    ...pairs.map(({ request }, i) =>
      intervalGoal(
        `prompt.${request.task}`,
        "APGR of a choice between two models by the prompt alone (random: 0.5)",
        "APGR",
        results[tasks.length + i] as Interval,
        ">=",
        promptAims[request.task] ?? 1,
      ),
    ),
    ...earlyGoals(singles),
    goal("decision_us", "one decision at 8 adapters, the reading of the prompt included", "us", decision, "<=", 50),
    goal("consensus_ms", "consensus of 9 answers of 2 kB", "ms", consensus, "<=", 1),
  ];
  if (asked.throughSockets) {
    const first = consensusTasks.flatMap((task) => parts.get(task)?.slice(0, 1) ?? []);
    goals.push(...(await socketGoals({ prices: asked.train, rows: asked.test ?? asked.train }, first)));
  }
  const curves: Curve[] = [];
  const infos: Record<string, Info> = {};
  for (const group of groups) {
    const points = curvePercents.map((percent) => ({ percent, at: atBudget(group, percent) }));
    curves.push({
      name: group.name,
      points: points.map(({ at }) => ({
        cost: at.cost.value,
        points: at.points.value,
        low: at.points.low,
        high: at.points.high,
      })),
    });
    for (const { percent, at } of points) {
      infos[`${group.name} at ${percent}%: points over best`] = intervalInfo("points", at.points);
      infos[`${group.name} at ${percent}%: cost`] = intervalInfo("%", at.cost);
    }
    Object.assign(infos, baselineInfos(group));
  }
  const families = Object.fromEntries([...parts].map(([task, list]) => [task, list.map(({ family }) => family)]));
  const settings = {
    rows: asked.test === undefined ? "5-fold cross-validation" : "fitted on --train, scored on --test",
    families,
    champion,
  };
  const result = report("answers", goals, infos, settings);
  if (asked.write) {
    writeFileSync(projectFile("docs/benchmarks/answers.svg"), picture(curves));
    progress(`wrote ${writePage(result)} and its picture`);
  }
  process.stdout.write(`${asked.json ? JSON.stringify(result) : readable(result)}\n`);
});

/** Lists of numbers come over a channel as objects: makes them lists again. */
function revived(part: Part): Part {
  const list = (value: unknown): Float64Array => Float64Array.from(Object.values(value as Record<string, number>));
  const column = (value: { right: unknown; usdMicros: unknown }): { right: Float64Array; usdMicros: Float64Array } => ({
    right: list(value.right),
    usdMicros: list(value.usdMicros),
  });
  const { consensus, sharedBest } = part;
  return {
    ...part,
    right: list(part.right),
    usdMicros: list(part.usdMicros),
    baselines: Object.fromEntries(
      Object.entries(part.baselines).map(([name, value]) => [name, column(value)]),
    ) as Part["baselines"],
    ...(sharedBest === undefined
      ? {}
      : { sharedBest: { ...column(sharedBest), fitUsdMicros: sharedBest.fitUsdMicros } }),
    consensus: {
      right: list(consensus.right),
      earlyRight: list(consensus.earlyRight),
      earlyCalls: list(consensus.earlyCalls),
      models: consensus.models,
    },
  };
}
