/** 1,000 calls of $0.10 at once against $5.00 through four routers that share one Redis; the same with one of them killed; the naive router. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Controlled, type Running, startChild, startProgram } from "../harness/children.js";
import { type RedisServer, startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal, info, type Info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { type AdapterCount, CALL_USD_MICROS } from "./sockets-call.js";
import { type Ends, race, sum } from "./sockets-load.js";

const LIMIT_USD_MICROS = 5_000_000;
const FIT = LIMIT_USD_MICROS / CALL_USD_MICROS;
const CALLS = 1_000;
const ROUTERS = 4;
const ANSWER_MS = 400;
/** Calls end long after the routers have read them all, on a slow machine too. */
const DEADLINE_MS = 60_000;
/** Holds live as long as the call's deadline allows, so that the crash is seen through within a run. */
const CRASH_DEADLINE_MS = 12_000;
const CRASH_ANSWER_MS = 3_000;
/** Before the kill calls come one after the other, so that each router has some of those that run. */
const CRASH_OVER_MS = 2_000;

interface Outcome {
  readonly ends: readonly Ends[];
  readonly counts: readonly AdapterCount[];
}

/** What adapters billed for good, whoever heard it, as a share of the limit. */
function spendRatio({ counts }: Outcome): number {
  return counts.reduce((usd, { billed }) => usd + billed, 0) / LIMIT_USD_MICROS;
}

async function withRouters<T>(
  start: (adapterPort: number, redis: RedisServer, folder: string, nth: number) => Promise<Running>,
  answerMs: number,
  body: (routers: readonly Running[], adapter: Controlled) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "atp-race-"));
  const redis = await startRedisServer();
  const adapter = await startChild("dist/bench-money-adapter.js");
  const ports = await adapter.call<number[]>("open", { ports: ROUTERS, answerMs });
  const routers = await Promise.all(ports.map((port, i) => start(port, redis, folder, i)));
  try {
    const outcome = await body(routers, adapter);
    // The logs of a run that failed are kept.
    rmSync(folder, { recursive: true, force: true });
    return outcome;
  } finally {
    // One that was killed is gone already.
    await Promise.allSettled(routers.map((router) => router.stop()));
    await adapter.stop();
    await redis.stop();
  }
}

/** The router as anybody runs it, with a tenant budget on Redis. */
function product(budgets: "exact" | "leased") {
  return (adapterPort: number, redis: RedisServer, folder: string, nth: number): Promise<Running> => {
    const file = join(folder, `router-${nth}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        tenants: { default: { budget: { max_usd_micros: LIMIT_USD_MICROS } } },
        limits: { estimate_timeout_ms: 20_000, max_window_wait_ms: DEADLINE_MS, frames_per_s: 10_000 },
        redis: { budgets, timeout_ms: 10_000 },
      }),
    );
    return startProgram("examples/router/dist/main.js", {
      env: {
        HOST: "127.0.0.1",
        PORT: "0",
        LOG_LEVEL: "info",
        ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapterPort}`]),
        REDIS_URL: redis.url,
        ATP_CONFIG: file,
      },
      logFile: join(folder, `router-${nth}.log`),
    });
  };
}

/** A router that asks whether the money is there, calls, and charges afterwards. */
function naive(adapterPort: number, redis: RedisServer, folder: string, nth: number): Promise<Running> {
  return startProgram("bench/baselines/money/naive-router.mjs", {
    env: {
      ADAPTER: `http://127.0.0.1:${adapterPort}`,
      REDIS_URL: redis.url,
      LIMIT_USD_MICROS: String(LIMIT_USD_MICROS),
      CALL_USD_MICROS: String(CALL_USD_MICROS),
    },
    logFile: join(folder, `naive-${nth}.log`),
  });
}

async function runRace(routers: readonly Running[], adapter: Controlled, name: string): Promise<Outcome> {
  const ends = await race(
    routers.map(({ port }) => port),
    CALLS,
    name,
    DEADLINE_MS,
  );
  return { ends, counts: await adapter.call<AdapterCount[]>("counts") };
}

interface Crash extends Outcome {
  readonly inFlight: number;
  readonly resolvedAfterMs: number;
  readonly postedRatio: number;
}

interface Budget {
  readonly posted: { readonly usd_micros: number };
  readonly reserved: { readonly usd_micros: number };
}

async function budget({ port }: Running): Promise<Budget> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/budgets`);
  const view = (await answer.json()) as { tenants: Record<string, Budget> };
  const found = view.tenants["default"];
  if (found === undefined) throw new Error("the router tells no budget of the tenant default");
  return found;
}

async function until(done: () => Promise<boolean>, withinMs: number): Promise<number> {
  const began = performance.now();
  while (!(await done()))
    if (performance.now() - began > withinMs) return Number.POSITIVE_INFINITY;
    else await new Promise((resolve) => setTimeout(resolve, 50));
  return performance.now() - began;
}

/** Kills the router with the most calls with -9 when all the money is with calls that run. */
async function runCrash(routers: readonly Running[], adapter: Controlled): Promise<Crash> {
  const counts = (): Promise<AdapterCount[]> => adapter.call<AdapterCount[]>("counts");
  const running = race(
    routers.map(({ port }) => port),
    CALLS,
    "crash",
    CRASH_DEADLINE_MS,
    CRASH_OVER_MS,
  );
  await until(async () => (await counts()).reduce((n, { started }) => n + started, 0) >= FIT, DEADLINE_MS);
  const started = (await counts()).map((count) => count.started);
  const nth = started.indexOf(Math.max(...started));
  const victim = routers[nth];
  const witness = routers[(nth + 1) % routers.length];
  if (victim === undefined || witness === undefined) throw new Error("a crash needs two routers");
  process.kill(victim.pid, "SIGKILL");
  const resolvedAfterMs = await until(async () => (await budget(witness)).reserved.usd_micros === 0, 60_000);
  const ends = await running;
  const after = await counts();
  const { posted } = await budget(witness);
  const inFlight = (after[nth]?.started ?? 0) - (ends[nth]?.served ?? 0);
  if (inFlight === 0) throw new Error("the killed router had no call in flight: the crash shows nothing");
  return {
    ends,
    counts: after,
    inFlight,
    resolvedAfterMs,
    postedRatio: posted.usd_micros / LIMIT_USD_MICROS,
  };
}

const one = (value: number): ReturnType<typeof spread> => spread([value]);

function told(name: string, { ends, counts }: Outcome): void {
  const { served, refused, lost } = sum(ends);
  const started = counts.map((c) => c.started).join("+");
  progress(`${name}: served ${served}, refused ${JSON.stringify(refused)}, lost ${lost}, calls ${started}`);
}

/** G3f over real sockets, with figures of both kinds of budgets and of the naive router. */
export async function socketsRace(): Promise<{ goals: readonly Goal[]; infos: Readonly<Record<string, Info>> }> {
  const exact = await withRouters(product("exact"), ANSWER_MS, (routers, adapter) =>
    runRace(routers, adapter, "exact"),
  );
  told("exact", exact);
  const leased = await withRouters(product("leased"), ANSWER_MS, (routers, adapter) =>
    runRace(routers, adapter, "leased"),
  );
  told("leased", leased);
  const check = await withRouters(naive, ANSWER_MS, (routers, adapter) => runRace(routers, adapter, "naive"));
  told("naive", check);
  const crash = await withRouters(product("exact"), CRASH_ANSWER_MS, runCrash);
  told(`crash (${crash.inFlight} in flight, resolved after ${Math.round(crash.resolvedAfterMs)} ms)`, crash);
  const atLeast = FIT - crash.inFlight;
  return {
    goals: [
      goal(
        "G3f.spend",
        "spend/limit, 1,000 calls of $0.10 against $5.00, 4 routers",
        "x",
        one(spendRatio(exact)),
        "==",
        1,
      ),
      goal("G3f.served", "of 1,000 calls served", "calls", one(sum(exact.ends).served), "==", FIT),
      goal(
        "G3f.crash.spend",
        "the larger of billed/limit and posted/limit with one router killed (-9) mid-run",
        "x",
        one(Math.max(spendRatio(crash), crash.postedRatio)),
        "<=",
        1,
      ),
      goal(
        "G3f.crash.served",
        `served beyond ${FIT} minus the ${crash.inFlight} calls that the killed router had in flight`,
        "calls",
        one(sum(crash.ends).served - atLeast),
        ">=",
        0,
      ),
      goal(
        "G3f.crash.resolved",
        `ms from the kill until no hold is left; a hold lives at most ${CRASH_DEADLINE_MS} ms`,
        "ms",
        one(crash.resolvedAfterMs),
        "<=",
        CRASH_DEADLINE_MS + 5_000,
      ),
    ],
    infos: {
      "spend/limit of the naive check-then-charge router": info("x", one(spendRatio(check))),
      "served by the naive router": info("calls", one(sum(check.ends).served)),
      "spend/limit, leased": info("x", one(spendRatio(leased))),
      "served, leased": info("calls", one(sum(leased.ends).served)),
      "calls in flight of the killed router": info("calls", one(crash.inFlight)),
    },
  };
}
