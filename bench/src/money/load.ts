/** Budgets under the stated load, in virtual time, through whole routers: holds, corrections, top-ups, waiting and settling are their own. */
import { createMemoryLedgerStore, createRouter, JSON_SUBPROTOCOL } from "atp-router-core";
import type { Router } from "atp-router-core";
import { createLeasedLedgerStore } from "atp-router-core/redis";
import type { LeasePressure } from "atp-router-core/redis";
import { createVirtualClock, seededRng, syn } from "atp-router-core/testing";
import type { VirtualClock } from "atp-router-core/testing";
import type { Frame } from "atp-protocol";
import { affordable, drawCalls, LIMIT } from "./load-calls.js";
import { createModel } from "./load-model.js";
import { createNaiveLedger } from "./naive-ledger.js";

/** What is varied. */
export interface LoadOptions {
  readonly seed: number;
  readonly routers: number;
  /** `leased`: each router borrows chunks, instead of asking the books for each hold. `naive`: check, call, charge. */
  readonly ledger: "exact" | "leased" | "naive";
  /** The adapter bills only what it emitted before a cancel. */
  readonly cancelsCleanly: boolean;
}

/** What came of it. */
export interface LoadResult {
  /** Spent of the limit when everything has ended. */
  readonly posted: number;
  /** Largest `posted + reserved` of the limit that was ever seen. */
  readonly highest: number;
  readonly reservedAfter: number;
  /** Requests until a spender who knows every cost would have had nothing left. */
  readonly affordable: number;
  /** Of these, refused for good while the true cost of what ran, and of the request, still fitted. */
  readonly needless: number;
  readonly started: number;
  /** Answers that were started and did not come to their end. */
  readonly cut: number;
  /** Times that a caller was told to come again because running work held the window, and did. */
  readonly again: number;
}

const CALLERS = 64;
const TENANT = "tenant:default";

/** A caller that asks again as soon as its question has ended. */
interface Caller {
  ask(nth: number): void;
}

/** Runs the load once. */
export async function runLoad({ seed, routers: count, ledger, cancelsCleanly }: LoadOptions): Promise<LoadResult> {
  const calls = drawCalls(seed);
  const clock = createVirtualClock(seed);
  const books = ledger === "naive" ? createNaiveLedger() : createMemoryLedgerStore(clock);
  const pressure = pressureOfProcess();
  const model = createModel(clock, calls, cancelsCleanly);
  const routers = Array.from({ length: count }, (_, i) =>
    createRouter({
      adapters: [model.port],
      clock,
      rng: seededRng(seed * 31 + i),
      hash: (text) => text,
      ledger:
        ledger === "leased" ? createLeasedLedgerStore({ shared: books, clock, pressure, router: `r${i}` }) : books,
      tenants: { default: { budget: { usdMicros: LIMIT } } },
      // The tenant's is the one budget that binds.
      lease: { max_parallel: 1_000, max_tokens: 1e12, max_usd_micros: 1e12 },
    }),
  );
  const until = affordable(calls);
  const refused: { readonly nth: number; readonly running: number }[] = [];
  let next = 0;
  let open = 0;
  let highest = 0;
  let needless = 0;
  let cut = 0;
  let again = 0;

  function ended(caller: Caller, nth: number, { payload }: Frame): void {
    open--;
    const said = model.said.get(nth);
    const { cost } = calls[nth] as (typeof calls)[number];
    if (said !== undefined && said < cost) cut++;
    const code = (payload?.content as { code?: string } | undefined)?.code;
    if (said === undefined && code === "EWINDOW") {
      // Waiting frees this window: it is no final word, and the caller asks again.
      open++;
      again++;
      caller.ask(nth);
      return;
    }
    if (said === undefined && code !== undefined) {
      if (code !== "EBUDGET") throw new Error(`a call ended with ${code}`);
      let running = 0;
      for (const other of model.running) running += calls[other]?.cost ?? 0;
      if (nth < until) refused.push({ nth, running });
    }
    askNext(caller);
  }

  function askNext(caller: Caller): void {
    if (next >= calls.length) return;
    open++;
    caller.ask(next++);
  }

  /** What is judged after the books were read: every refusal since the last look. */
  async function look(): Promise<void> {
    const balance = await books.read(TENANT);
    if (balance === undefined) return;
    const { posted, reserved } = balance;
    highest = Math.max(highest, (posted.usdMicros + reserved.usdMicros) / LIMIT);
    for (const { nth, running } of refused.splice(0))
      if (posted.usdMicros + running + (calls[nth]?.cost ?? 0) <= LIMIT) needless++;
  }

  const ready = Promise.all(routers.map((router) => router.ready()));
  await clock.advance(50);
  await ready;
  for (let i = 0; i < CALLERS; i++) askNext(connect(routers[i % count] as Router, clock, `s${i}`, ended));
  while (open > 0) {
    await clock.advance(5);
    await look();
  }
  await clock.advance(120_000);
  await Promise.all(routers.map((router) => router.close()));
  const balance = await books.read(TENANT);
  return {
    posted: (balance?.posted.usdMicros ?? 0) / LIMIT,
    highest,
    reservedAfter: balance?.reserved.usdMicros ?? 0,
    affordable: until,
    needless,
    started: model.said.size,
    cut,
    again,
  };
}

/** A socket of one caller; it hears of ends only. */
function connect(
  router: Router,
  clock: VirtualClock,
  session: string,
  ended: (caller: Caller, nth: number, end: Frame) => void,
): Caller {
  let told = false;
  const handler = router.connect(
    {
      send(data) {
        const text = data as string;
        if (!told) clock.at(clock.now(), flushed);
        told = true;
        if (!text.includes('"FIN"') && !text.includes('"RST"')) return;
        const frame = JSON.parse(text) as Frame;
        clock.at(clock.now(), () => ended(caller, Number.parseInt(frame.stream_id.slice(2), 10), frame));
      },
      close: (code, reason) => {
        if (code !== 4000) throw new Error(`the router closed a socket with ${code}: ${reason}`);
      },
      terminate: () => undefined,
      ping: () => clock.at(clock.now(), () => handler.alive()),
      setReading: () => undefined,
      bufferedBytes: () => 0,
    },
    { remote: "memory", subprotocol: JSON_SUBPROTOCOL, credentials: {} },
  );
  function flushed(): void {
    told = false;
    handler.flushed(0);
  }
  let asked = 0;
  const caller: Caller = {
    ask(nth) {
      const frame = syn({ session, stream: `st${nth}.${asked++}`, prompt: String(nth), meta: { strategy: "single" } });
      clock.at(clock.now(), () => handler.text(JSON.stringify(frame)));
    },
  };
  return caller;
}

/** Routers of this process tell one another directly, as over a channel of Redis. */
function pressureOfProcess(): LeasePressure {
  const listeners = new Set<(scope: string) => void>();
  return {
    tell: (scope) => {
      for (const listener of listeners) listener(scope);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
