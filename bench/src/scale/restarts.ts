/** 500 streams through four routers behind a plain TCP balancer: each router restarted in turn, then one killed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Controlled, startChild } from "../harness/children.js";
import { startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal, type Info, info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import type { Seen } from "./adapter.js";
import type { Balanced } from "./balancer.js";
import { type Fleet, startFleet } from "./fleet.js";
import type { Ends, LoadPlan } from "./load.js";

const ROUTERS = 4;
const STREAMS = 500;
const DEADLINE_MS = 25_000;
const LIMIT_USD_MICROS = 100_000_000;
/** An answer takes 6 s: a router that shuts down has dozens of them on its hands. */
const shape = { chunks: 60, delayMs: 100 };

interface Part {
  readonly ends: Ends;
  readonly seen: Seen;
  readonly postedUsdMicros: number;
  readonly reservedUsdMicros: number;
}

const config = {
  tenants: { default: { budget: { max_usd_micros: LIMIT_USD_MICROS } } },
  limits: { estimate_timeout_ms: 20_000 },
  redis: { replay: true, budgets: "exact", timeout_ms: 10_000 },
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function budget(fleet: Fleet): Promise<{ posted: number; reserved: number }> {
  const port = fleet.routers[0]?.port ?? 0;
  const answer = await fetch(`http://127.0.0.1:${port}/v1/budgets`);
  const { tenants } = (await answer.json()) as {
    tenants: Record<string, { posted: { usd_micros: number }; reserved: { usd_micros: number } }>;
  };
  const { posted, reserved } = tenants["default"] ?? { posted: { usd_micros: -1 }, reserved: { usd_micros: -1 } };
  return { posted: posted.usd_micros, reserved: reserved.usd_micros };
}

/** Waits until no money is held any more, at most as long as a hold may live. */
async function resolved(fleet: Fleet): Promise<{ posted: number; reserved: number }> {
  const end = performance.now() + DEADLINE_MS + 10_000;
  for (;;) {
    const now = await budget(fleet);
    if (now.reserved === 0 || performance.now() > end) return now;
    await sleep(250);
  }
}

async function part(
  name: string,
  more: Pick<LoadPlan, "spreadMs" | "observers">,
  disturb: (fleet: Fleet, load: Controlled) => Promise<void>,
): Promise<Part> {
  const folder = mkdtempSync(join(tmpdir(), `atp-scale-${name}-`));
  const redis = await startRedisServer();
  const adapter = await startChild("dist/bench-scale-adapter.js");
  const load = await startChild("dist/bench-scale-load.js");
  const fleet = await startFleet({ routers: ROUTERS, adapterPort: adapter.port, redis, folder, config });
  let told = false;
  try {
    const plan: LoadPlan = {
      name,
      port: fleet.balancer.port,
      streams: STREAMS,
      clients: 50,
      ...shape,
      ...more,
      deadlineMs: DEADLINE_MS,
      hopMs: 900,
    };
    await load.call("start", plan);
    await disturb(fleet, load);
    const ends = await load.call<Ends>("end");
    const { posted, reserved } = await resolved(fleet);
    const seen = await adapter.call<Seen>("seen");
    const balanced = await fleet.balancer.call<Balanced>("balanced");
    progress(`${name}: ${JSON.stringify(ends)} ${JSON.stringify(seen)} posted ${posted}, held ${reserved}`);
    progress(`${name}: connections by backend ${JSON.stringify(balanced.taken)}, broken ${balanced.broken}`);
    told = ends.whole === STREAMS;
    return { ends, seen, postedUsdMicros: posted, reservedUsdMicros: reserved };
  } finally {
    await fleet.stop();
    await load.stop();
    await adapter.stop();
    await redis.stop();
    // The logs of a run that went wrong are kept.
    if (told) rmSync(folder, { recursive: true, force: true });
    else progress(`${name}: logs in ${folder}`);
  }
}

const one = (value: number): ReturnType<typeof spread> => spread([value]);
const sum = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((a, b) => a + b, 0);

/** The figures of restarts and of the kill. */
export async function restartGoals(): Promise<{ goals: readonly Goal[]; infos: Readonly<Record<string, Info>> }> {
  const drains: number[] = [];
  let atRestart = 0;
  const rolling = await part("rolling", { spreadMs: 36_000, observers: 5 }, async (fleet, load) => {
    await sleep(4_000);
    for (let nth = 0; nth < ROUTERS; nth++) {
      const { asked, ended } = await load.call<Ends>("now");
      atRestart += asked - ended;
      drains.push(await fleet.restart(nth));
      progress(`router ${nth} restarted in ${Math.round(drains.at(-1) ?? 0)} ms with ${asked - ended} streams open`);
    }
    const { asked } = await load.call<Ends>("now");
    if (asked === STREAMS) progress("the last restart came after the last question");
  });
  const broken = await part("broken", { spreadMs: 10_000, observers: 0 }, async (fleet) => {
    for (let i = 0; i < 14; i++) {
      await sleep(1_000);
      await fleet.balancer.call("breakSome", 0.3);
    }
  });
  const killed = await part("killed", { spreadMs: 14_000, observers: 0 }, async (fleet) => {
    await sleep(8_000);
    await fleet.kill(1, 2_000);
  });
  const { ends } = rolling;
  return {
    goals: [
      goal(
        "S1.ended",
        `of ${STREAMS} streams, each router restarted in turn, ended`,
        "streams",
        one(ends.ended),
        "==",
        STREAMS,
      ),
      goal(
        "S1.once",
        "ends beyond the first of a stream, and answers called for twice",
        "",
        one(ends.endedTwice + rolling.seen.twice),
        "==",
        0,
      ),
      goal(
        "S1.lost",
        "streams without a whole answer, letter for letter",
        "streams",
        one(STREAMS - ends.whole),
        "==",
        0,
      ),
      goal(
        "S1.doubled",
        "frames twice, out of order or after a missing one",
        "frames",
        one(ends.outOfOrder + ends.gaps),
        "==",
        0,
      ),
      goal(
        "S1.budget",
        "micro-dollars posted less those that adapters billed; holds left",
        "uUSD",
        one(Math.abs(rolling.postedUsdMicros - rolling.seen.billedUsdMicros) + rolling.reservedUsdMicros),
        "==",
        0,
      ),
      goal(
        "S1.observer",
        "gaps and lost answers of 5 readers that hop between routers each 0.9 s",
        "",
        one(ends.observed.gaps + ends.observed.failed),
        "==",
        0,
      ),
      goal(
        "S2.ended",
        `of ${STREAMS} streams with one router killed (-9), ended`,
        "streams",
        one(killed.ends.ended),
        "==",
        STREAMS,
      ),
      goal(
        "S2.once",
        "ends beyond the first of a stream, and answers called for twice",
        "",
        one(killed.ends.endedTwice + killed.seen.twice),
        "==",
        0,
      ),
      goal(
        "S2.wrong",
        "answers that are not letter for letter what the adapter said",
        "streams",
        one(killed.ends.wrong),
        "==",
        0,
      ),
      goal(
        "S2.told",
        "streams that ended otherwise than whole or by an error of the router",
        "streams",
        one(STREAMS - killed.ends.whole - sum(killed.ends.failed)),
        "==",
        0,
      ),
      goal(
        "S2.held",
        "micro-dollars held when every hold's time is over",
        "uUSD",
        one(killed.reservedUsdMicros),
        "==",
        0,
      ),
      goal(
        "S2.budget",
        "posted less billed by adapters, of the limit: never more than what was held for the killed router's calls",
        "uUSD",
        one(killed.postedUsdMicros - killed.seen.billedUsdMicros),
        "<=",
        sum(killed.ends.failed) * shape.chunks * 40,
      ),
      goal(
        "S3.lost",
        "streams lost, wrong or doubled with a balancer that breaks 30% of its connections each second",
        "streams",
        one(STREAMS - broken.ends.whole + broken.ends.endedTwice + broken.ends.outOfOrder + broken.seen.twice),
        "==",
        0,
      ),
    ],
    infos: {
      "streams open over the four restarts": info("streams", one(atRestart)),
      "drain, longest": info("ms", spread(drains)),
      "questions asked again that a draining router refused": info("", one(sum(ends.askedAgain))),
      "resumes, rolling": info("", one(ends.resumes)),
      "hops of the observers": info("", one(ends.observed.hops)),
      "answers of the observers": info("", one(ends.observed.whole)),
      "resumes behind the balancer that breaks connections": info("", one(broken.ends.resumes)),
      "streams that the killed router took with it": info("", one(sum(killed.ends.failed))),
      "posted of the killed run": info("uUSD", one(killed.postedUsdMicros)),
      "billed of the killed run": info("uUSD", one(killed.seen.billedUsdMicros)),
    },
  };
}
