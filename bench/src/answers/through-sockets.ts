/**
 * One run of each task through sockets: client, router process, replay adapters over gRPC. The router decides by the policy that was
 * fitted in this process, and its decisions are held beside those made here.
 */
import { copyFileSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createClient } from "atp-client";
import type { TaskPolicy } from "atp-router-core/learning";
import WebSocket from "ws";
import { startProgram } from "../harness/children.js";
import { type Goal, goal, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { play } from "./play.js";
import { guarded, loadPrices, loadRows, type Prices, type RecordedRow } from "./rows.js";
import type { Part } from "./task-run.js";

/** A task, its policy of one operating point, and the rows to ask. */
interface SocketTask {
  readonly task: string;
  readonly policy: TaskPolicy;
  readonly rows: readonly RecordedRow[];
}

/** What a task came to on one of the two ways. */
interface Way {
  readonly right: number;
  readonly usdMicros: number;
  readonly calls: number;
}

/** Both ways of one task, and the questions in which they differ. */
interface SocketResult {
  readonly task: string;
  readonly questions: number;
  readonly here: Way;
  readonly sockets: Way;
  /** Questions that asked the same adapters in the same order, and whose answers are both right or both wrong. */
  readonly same: number;
  readonly differing: readonly string[];
}

/** Questions under way at once. */
const inFlight = 8;
const roomy = { max_parallel: 8, max_tokens: 1_000_000, max_usd_micros: 10_000_000 };

/**
 * Asks every row on both ways.
 * @param folders where `prices.json` is, and where the rows are
 * @throws Error when a process does not start, or a question ends in an error
 */
async function throughSockets(
  folders: { readonly prices: string; readonly rows: string },
  tasks: readonly SocketTask[],
  prices: Prices,
): Promise<readonly SocketResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "atp-sockets-"));
  try {
    copyFileSync(join(folders.prices, "prices.json"), join(folder, "prices.json"));
    for (const name of readdirSync(folders.rows).filter((file) =>
      tasks.some(({ task }) => file.startsWith(`${task}.`) && file.endsWith(".jsonl.gz")),
    ))
      symlinkSync(resolve(folders.rows, name), join(folder, name));
    return await withStack(folder, tasks, (url) => inTurn(tasks, (one) => runTask(url, one, prices)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

/** Starts the replay adapters and a router with the policies in a file, and stops them in the end. */
async function withStack<R>(
  folder: string,
  tasks: readonly SocketTask[],
  use: (url: string) => Promise<R>,
): Promise<R> {
  const models = [...new Set(tasks.flatMap(({ policy }) => policy.adapters))];
  const replay = await startProgram("examples/adapters/replay/dist/main.js", {
    env: { PORT: "0", ATP_RECORDED: folder, MODELS: models.join(","), LOG_LEVEL: "warn" },
    logFile: join(folder, "replay.log"),
  });
  try {
    const policyFile = join(folder, "policy.json");
    const policies = Object.fromEntries(tasks.map(({ task, policy }) => [task, policy]));
    writeFileSync(policyFile, JSON.stringify({ version: 1, tasks: policies }));
    const configFile = join(folder, "router.json");
    writeFileSync(configFile, JSON.stringify({ learning: { mode: "apply", policy_file: policyFile } }));
    const router = await startProgram("examples/router/dist/main.js", {
      env: {
        PORT: "0",
        ATP_CONFIG: configFile,
        ADAPTER_ENDPOINTS: JSON.stringify(replay.ports.map((port) => `http://127.0.0.1:${port}`)),
        LOG_LEVEL: "warn",
      },
      logFile: join(folder, "router.log"),
    });
    try {
      return await use(`ws://127.0.0.1:${router.port}/ws`);
    } finally {
      await router.stop();
    }
  } finally {
    await replay.stop();
  }
}

async function runTask(url: string, { task, policy, rows }: SocketTask, prices: Prices): Promise<SocketResult> {
  const client = createClient({ url, socket: (to, protocols) => new WebSocket(to, [...protocols]) as never });
  const here = { right: 0, usdMicros: 0, calls: 0 };
  const sockets = { right: 0, usdMicros: 0, calls: 0 };
  const differing: string[] = [];
  let next = 0;
  const ask = async (row: RecordedRow): Promise<void> => {
    const view = guarded(row, prices, policy.adapters);
    const winner = play(policy, view);
    const right = winner !== null && view.reward(winner);
    here.right += right ? 1 : 0;
    here.usdMicros += view.spentUsdMicros;
    here.calls += view.called.length;
    const content = {
      prompt: row.prompt,
      recorded_id: row.id,
      ...(row.category === undefined ? {} : { category: row.category }),
    };
    const final = await client.stream(content, { taskType: task, strategy: "auto", window: roomy }).final();
    // Whoever has no recorded answer for this task gives no quote, and is told as skipped.
    const entries = final.telemetry?.adapters?.filter(({ outcome }) => outcome !== "skipped") ?? [];
    const called = entries.map(({ name }) => name);
    // The answer that was given, looked up only now: nobody decides by it any more.
    const given = row.answers[final.adapter ?? ""];
    const isRight = given?.correct === true && given.answer === final.answer;
    sockets.right += isRight ? 1 : 0;
    sockets.usdMicros += final.telemetry?.usd ?? 0;
    sockets.calls += called.length;
    if (isRight !== right || called.join() !== view.called.join()) differing.push(row.id);
  };
  const lane = async (): Promise<void> => {
    for (let row = rows[next++]; row !== undefined; row = rows[next++]) await ask(row);
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, lane));
  } finally {
    await client.close();
  }
  return { task, questions: rows.length, here, sockets, same: rows.length - differing.length, differing };
}

/**
 * The figures of `--through-sockets`: the first part of each task (a fold, or the rows to test on) goes through sockets, by the
 * dearest operating point, which asks the most.
 */
export async function socketGoals(
  folders: { readonly prices: string; readonly rows: string },
  parts: readonly Pick<Part, "task" | "ids" | "policy">[],
): Promise<readonly Goal[]> {
  const tasks = parts.map(({ task, ids, policy }): SocketTask => {
    const held = new Set(ids);
    const rows = loadRows(folders.rows, task).filter(({ id }) => held.has(id));
    return { task, policy: { ...policy, points: policy.points.slice(-1) }, rows };
  });
  const results = await throughSockets(folders, tasks, loadPrices(folders.prices));
  return results.flatMap(({ task, questions, here, sockets, same, differing }) => {
    if (differing.length > 0) progress(`${task}: decided otherwise over sockets: ${differing.slice(0, 10).join(", ")}`);
    const cost = 100 * Math.abs(sockets.usdMicros / here.usdMicros - 1);
    const of = `${questions} questions, ${sockets.calls} calls`;
    return [
      goal(
        `${task}.sockets.same`,
        `same calls and outcome as in process, ${of}`,
        "%",
        spread([(100 * same) / questions]),
        ">=",
        100,
      ),
      goal(
        `${task}.sockets.right`,
        "right answers more or less than in process",
        "",
        spread([Math.abs(sockets.right - here.right)]),
        "<=",
        0,
      ),
      // A bill is in whole micro-dollars, a recorded price is not.
      goal(`${task}.sockets.cost`, "cost beside that in process", "%", spread([cost]), "<=", 1),
    ];
  });
}
