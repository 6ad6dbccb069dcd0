import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
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
