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
