import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import type { LedgerStore } from "../../src/ports/index.js";
import { createMemoryLedgerStore } from "../../src/runtime/index.js";
import { createSimulation, createVirtualClock, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, ScriptStep, Simulation, SimulationConfig } from "../../src/testing/index.js";

/** Each piece costs ten tokens and 100 micro-dollars. */
const piece = (afterMs = 100): ScriptStep => ({
  afterMs,
  text: "ten tokens",
  usage: { outTokens: 10, usdMicros: 100 },
});
const pieces = (n: number): readonly ScriptStep[] => [
  { afterMs: 10, text: "so ", usage: { inTokens: 20, usdMicros: 50 } },
  ...Array.from({ length: n }, () => piece()),
];
const FIVE = { tokens: 70, usd: 550 };
const estimate = { inTokens: 20, outTokens: 50, usdMicros: 550, p95Tokens: 90, p95UsdMicros: 750 };
const whole: AdapterScript = { id: "a", estimate, answer: [...pieces(5), { afterMs: 10, final: {} }] };

const control = (stream: string, flags: readonly string[], payload?: object): object => ({
  v: 1,
  session_id: "s1",
  stream_id: stream,
  msg_seq: 2,
  flags,
  ...(payload === undefined ? {} : { payload }),
});
const cancel = control("st1", ["RST"], {
  type: "error",
  content: { code: "ECANCELLED", message: "enough", retry: "never", processed: "maybe" },
});

interface Exit {
  readonly name: string;
  readonly adapters: readonly AdapterScript[];
  readonly config?: Partial<SimulationConfig>;
  readonly frame?: Parameters<typeof syn>[0];
  /** What happens after 250 ms: two pieces and the input were seen by then. */
  readonly then?: (socket: MemorySocket, sim: Simulation) => unknown;
  /** What is debited at least, and at most: seen usage, and slack for what was on its way. */
  readonly least: { readonly tokens: number; readonly usd: number };
  readonly most: { readonly tokens: number; readonly usd: number };
  readonly code?: string;
}

const SEEN = { tokens: 40, usd: 250 };
/** Slack is what came in the last 250 ms, 20 tokens at their price here. */
const SLACK = { tokens: 40 + 20, usd: 250 + 20 * 12 };

const exits: readonly Exit[] = [
  { name: "a final", adapters: [whole], least: FIVE, most: FIVE },
  {
    name: "an error after a piece",
    adapters: [{ id: "a", estimate, answer: [...pieces(2), { afterMs: 10, fail: { kind: "rejected" } }] }],
    least: SEEN,
    most: SLACK,
    code: "ENOROUTE",
  },
  {
    name: "an adapter that vanishes",
    adapters: [{ id: "a", estimate, answer: [...pieces(2), { stall: true }] }],
    frame: { meta: { deadline_ms: 3_000 } },
    least: SEEN,
    most: SLACK,
    code: "ETIMEOUT",
  },
  {
    name: "the client's cancel",
    adapters: [whole],
    then: (socket) => socket.send(cancel),
    least: SEEN,
    most: SLACK,
  },
  {
    name: "a lost connection, when the client wants its run to end with it",
    adapters: [whole],
    frame: { meta: { on_disconnect: "cancel" } },
    then: (socket) => socket.drop(),
    least: SEEN,
    most: SLACK,
  },
  {
    name: "a lost connection, when the run goes on",
    adapters: [whole],
    then: (socket) => socket.drop(),
    // Without `resume` nobody can come back for it.
    least: SEEN,
    most: FIVE,
  },
  {
    name: "the deadline",
    adapters: [whole],
    frame: { meta: { deadline_ms: 250 } },
    least: SEEN,
    most: SLACK,
    code: "ETIMEOUT",
  },
  {
    name: "the end of a hold",
    adapters: [{ ...whole, answer: [...pieces(50), { final: {} }] }],
    frame: { window: { max_parallel: 1, max_tokens: 100, max_usd_micros: 800 } },
    least: { tokens: 70, usd: 550 },
    most: { tokens: 110, usd: 900 },
  },
  {
    name: "a failover: both calls are paid",
    adapters: [
      {
        id: "a",
        estimate: { ...estimate, confidence: 0.9 },
        answer: [...pieces(2), { fail: { kind: "unavailable" } }],
      },
      { ...whole, id: "b" },
    ],
    frame: { qos: "gold", meta: { strategy: "single" } },
    least: { tokens: SEEN.tokens + FIVE.tokens, usd: SEEN.usd + FIVE.usd },
    most: { tokens: SLACK.tokens + FIVE.tokens, usd: SLACK.usd + FIVE.usd },
  },
  {
    name: "the end of the router",
    adapters: [whole],
    then: (_socket, sim) => void sim.router.close(),
    least: SEEN,
    most: SLACK,
  },
];

describe("A7.4 every way out of a call settles it: at what was seen, never at zero, never twice", () => {
  it.each(exits)("$name", async ({ adapters, config, frame, then, least, most, code }) => {
    const sim = createSimulation({ adapters, ...config });
    const socket = sim.connect();
    socket.send(syn({ meta: { strategy: "single" }, ...frame }));
    await sim.clock.advance(250);
    then?.(socket, sim);
    await sim.clock.until(() => sim.router.view().streams === 0);
    await sim.clock.advance(10);
    const { tenants } = await sim.router.budgets();
    const { reserved, posted } = tenants["default"] ?? {};
    expect(reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    expect(posted?.tokens).toBeGreaterThanOrEqual(least.tokens);
    expect(posted?.tokens).toBeLessThanOrEqual(most.tokens);
    expect(posted?.usd_micros).toBeGreaterThanOrEqual(least.usd);
    expect(posted?.usd_micros).toBeLessThanOrEqual(most.usd);
    const end: Frame | undefined = socket.end("st1");
    // The bill is what was debited.
    if (end?.telemetry !== undefined)
      expect({ tokens: end.telemetry.tokens, usd: end.telemetry.usd }).toEqual({
        tokens: posted?.tokens,
        usd: posted?.usd_micros,
      });
    if (code !== undefined) expect(end?.payload?.content).toMatchObject({ code });
    // Nothing that comes later changes it.
    await sim.clock.advance(200_000);
    expect((await sim.router.budgets()).tenants["default"]?.posted).toEqual(posted);
    await sim.router.close();
  });
});

describe("A7.4 so does a call that others are the cause of", () => {
  /** What the tenant was debited; nothing is held, and nothing that comes later changes it. */
  async function debited(sim: Simulation): Promise<{ tokens: number; usd: number }> {
    const first = (await sim.router.budgets()).tenants["default"];
    expect(first?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    await sim.clock.advance(200_000);
    const { posted } = (await sim.router.budgets()).tenants["default"] ?? {};
    expect(posted).toEqual(first?.posted);
    await sim.router.close();
    return { tokens: posted?.tokens ?? -1, usd: posted?.usd_micros ?? -1 };
  }

  it.each([
    { name: "that was asked first", slow: "a", startMs: 5_000, outcomes: ["a:cancelled", "b:ok"] },
    { name: "that was sent beside it", slow: "b", startMs: 400, outcomes: ["a:ok", "b:cancelled"] },
  ])(
    "the loser of two calls, the one $name: its input and what may have been on its way",
    async ({ slow, startMs, outcomes }) => {
      const answer = (firstMs: number): readonly ScriptStep[] => [{ ...piece(firstMs) }, { afterMs: 10, final: {} }];
      const pair = { inTokens: 10, outTokens: 10, usdMicros: 100, p95Tokens: 60, p95UsdMicros: 600 };
      const WARM = 30;
      const sim = createSimulation({
        adapters: [
          {
            id: "a",
            estimate: { ...estimate, confidence: 0.9 },
            answer: (_, nth) => answer(nth < WARM ? 200 : startMs),
          },
          { id: "b", estimate: pair, answer: answer(slow === "b" ? 5_000 : 200) },
        ],
      });
      const socket = sim.connect();
      let bill = { tokens: 0, usd: 0 };
      let last: Frame | undefined;
      for (let i = 0; i <= WARM; i++) {
        const stream = `q${i}`;
        socket.send(syn({ stream, qos: "gold", meta: { strategy: "single" } }));
        await sim.clock.until(() => socket.end(stream) !== undefined);
        last = socket.end(stream);
        bill = { tokens: bill.tokens + (last?.telemetry?.tokens ?? 0), usd: bill.usd + (last?.telemetry?.usd ?? 0) };
      }
      const shares = last?.telemetry?.adapters ?? [];
      expect(shares.map(({ name, outcome }) => `${name}:${outcome}`)).toEqual(outcomes);
      const loser = shares.find(({ name }) => name === slow);
      // Nothing was seen of it: its input, and at least 16 tokens of output at their price.
      expect(loser?.usd).toBeGreaterThan(0);
      expect(loser?.usd).toBeLessThanOrEqual(pair.p95UsdMicros);
      expect(shares.find(({ name }) => name !== slow)?.usd).toBe(pair.usdMicros);
      expect(last?.telemetry?.usd).toBe(pair.usdMicros + (loser?.usd ?? 0));
      // Both calls once, and no call twice.
      expect(await debited(sim)).toEqual(bill);
    },
  );

  it("a bronze call that is cut for gold", async () => {
    // The first call tells how long gold has to wait at most.
    const long: AdapterScript = {
      id: "a",
      estimate: { ...estimate, p95Tokens: 1_100, p95UsdMicros: 11_000 },
      answer: (_, nth) => (nth === 0 ? pieces(1) : pieces(100)).concat({ final: {} }),
    };
    const sim = createSimulation({ adapters: [long], limits: { maxConcurrentCalls: 3 } });
    const socket = sim.connect();
    const ask = (stream: string, qos: "gold" | "bronze"): void =>
      socket.send(syn({ stream, qos, meta: { strategy: "single" } }));
    ask("w", "gold");
    await sim.clock.until(() => socket.end("w") !== undefined);
    // One slot is gold's own; bronze has the others, and the call that began last gives way.
    for (const stream of ["b1", "b2"]) ask(stream, "bronze");
    ask("g1", "gold");
    await sim.clock.advance(250);
    ask("g2", "gold");
    await sim.clock.until(() => ["b1", "b2", "g1", "g2"].every((stream) => socket.end(stream) !== undefined));
    expect(socket.end("b2")?.payload?.content).toMatchObject({ code: "EPREEMPT" });
    // Its input, and each piece that it said; 20 tokens at their price were on their way at most.
    const said = socket.of("b2", "agent.result.partial").length - 1;
    const bill = socket.end("b2")?.telemetry;
    expect(said).toBeGreaterThan(0);
    expect(bill?.tokens).toBeGreaterThanOrEqual(20 + 10 * said);
    expect(bill?.tokens).toBeLessThanOrEqual(20 + 10 * said + 30);
    expect(bill?.usd).toBeGreaterThanOrEqual(50 + 100 * said);
    const ends = ["w", "b1", "b2", "g1", "g2"].map((stream) => socket.end(stream)?.telemetry);
    const sum = (of: "tokens" | "usd"): number => ends.reduce((n, end) => n + (end?.[of] ?? 0), 0);
    expect(await debited(sim)).toEqual({ tokens: sum("tokens"), usd: sum("usd") });
  });
});

describe("A7.4 a crash settles as well", () => {
  /** A ledger that its router lost hold of: what it asks after its death is never done. */
  function mortal(inner: LedgerStore): LedgerStore & { readonly die: () => void } {
    let dead = false;
    const never = new Promise<never>(() => undefined);
    const alive = <R>(operation: () => Promise<R>): Promise<R> => (dead ? never : operation());
    return {
      reserve: (...args) => alive(() => inner.reserve(...args)),
      reserveAll: (...args) => alive(() => inner.reserveAll(...args)),
      extend: (...args) => alive(() => inner.extend(...args)),
      dispatched: (hold) => alive(() => inner.dispatched(hold)),
      recalled: (hold) => alive(() => inner.recalled(hold)),
      settle: (...args) => alive(() => inner.settle(...args)),
      void: (hold) => alive(() => inner.void(hold)),
      setLimit: (...args) => alive(() => inner.setLimit(...args)),
      read: (scope) => alive(() => inner.read(scope)),
      forget: (scope) => alive(() => inner.forget(scope)),
      sweep: () => alive(() => inner.sweep()),
      watch: (listener) => inner.watch(listener),
      die: () => {
        dead = true;
      },
    };
  }

  it("a call that ran is posted as it was held, for its provider may have worked; one that waited for its slot costs nothing", async () => {
    const clock = createVirtualClock(1);
    const shared = createMemoryLedgerStore(clock);
    const ledger = mortal(shared);
    const sim = createSimulation({ adapters: [whole], clock, ledger, limits: { maxConcurrentCalls: 1 } });
    const socket = sim.connect();
    for (const stream of ["st1", "st2"]) socket.send(syn({ stream, meta: { strategy: "single", deadline_ms: 3_000 } }));
    await clock.advance(250);
    const held = (await shared.read("tenant:default"))?.reserved;
    expect(held?.parallel).toBe(2);
    ledger.die();
    await clock.advance(3_000 + 5_000);
    // Any other router resolves what it left, and does so once.
    await shared.sweep();
    await shared.sweep();
    const books = await shared.read("tenant:default");
    expect(books?.reserved).toEqual({ parallel: 0, tokens: 0, usdMicros: 0 });
    expect(books?.posted.usdMicros).toBe((held?.usdMicros ?? 0) / 2);
    expect(books?.posted.tokens).toBe((held?.tokens ?? 0) / 2);
    expect(books?.posted.usdMicros).toBeGreaterThanOrEqual(FIVE.usd);
  });
});
