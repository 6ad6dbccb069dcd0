import { describe, expect, it } from "vitest";
import { createMemoryLedgerStore } from "../../src/runtime/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation } from "../../src/testing/index.js";
import type { Frame, Window } from "atp-protocol";
import type { LedgerStore } from "../../src/ports/index.js";

/** Costs 100 micro-dollars and answers after a second. */
const voice = (id: string): AdapterScript => ({
  id,
  estimate: { inTokens: 10, outTokens: 90, usdMicros: 100, p95Tokens: 100, p95UsdMicros: 100 },
  answer: [{ afterMs: 1_000, final: { answer: "yes", usage: { inTokens: 10, outTokens: 90, usdMicros: 100 } } }],
});
/** What the router holds for one of them. */
const HOLD = 180;
const adapters = [voice("a"), voice("b"), voice("c")];

/** What the ledger was asked, beside doing it. */
function told(inner: LedgerStore, log: string[]): LedgerStore {
  return {
    ...inner,
    reserve(hold, scopes, amounts, ...rest) {
      log.push("one");
      return inner.reserve(hold, scopes, amounts, ...rest);
    },
    reserveAll(holds, ...rest) {
      log.push(`${holds.length} together`);
      return inner.reserveAll(holds, ...rest);
    },
  };
}

function world(
  usdMicros: number,
  ledger: (store: LedgerStore, log: string[]) => LedgerStore = told,
): { readonly sim: Simulation; readonly log: string[] } {
  const log: string[] = [];
  const sim = createSimulation((clock) => ({
    adapters,
    tenants: { default: { budget: { usdMicros } } },
    ledger: ledger(createMemoryLedgerStore(clock), log),
  }));
  return { sim, log };
}

const fanout = (stream: string, more: { readonly window?: Window } = {}): Frame =>
  syn({ stream, prompt: "hello", meta: { task_type: "qa", strategy: "fanout" }, ...more });

describe("calls that are made at the same time are held for together", () => {
  it("A7.1 a fan-out is one question to the ledger", async () => {
    const { sim, log } = world(1_000);
    const socket = sim.connect();
    socket.send(fanout("st1"));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(log).toEqual(["3 together"]);
    expect(socket.end("st1")?.telemetry).toMatchObject({ usd: 300 });
    await sim.router.close();
  });

  /** Two at once, each planned while all of the budget was left. */
  async function both(
    usdMicros: number,
  ): Promise<{ readonly ends: readonly (Frame | undefined)[]; readonly log: string[] }> {
    const { sim, log } = world(usdMicros);
    const socket = sim.connect();
    socket.send(fanout("st1"));
    socket.send(fanout("st2"));
    await sim.clock.until(() => ["st1", "st2"].every((stream) => socket.end(stream) !== undefined));
    await sim.router.close();
    return { ends: ["st1", "st2"].map((stream) => socket.end(stream)), log };
  }

  it("A7.3 what does not fit as a whole goes on with fewer voices, held for together; the others wait", async () => {
    const { ends, log } = await both(5 * HOLD);
    expect(log.slice(0, 4)).toEqual(["3 together", "3 together", "2 together", "one"]);
    expect(ends.map((end) => [end?.flags, end?.telemetry?.usd])).toEqual([
      [["FIN"], 300],
      [["FIN"], 300],
    ]);
  });

  it("A7.1 two at once do not take half of a budget each: the first has all its voices, the second what is left", async () => {
    const { ends, log } = await both(3 * HOLD);
    expect(log.slice(0, 5)).toEqual(["3 together", "3 together", "one", "one", "one"]);
    expect(ends.map((end) => end?.flags)).toEqual([["FIN"], ["FIN"]]);
    expect(ends[0]?.telemetry?.usd).toBe(300);
  });

  it("A7.2 a window for fewer calls at once than voices runs them one after the other", async () => {
    const { sim, log } = world(1_000);
    const socket = sim.connect();
    socket.send(fanout("st1", { window: { max_parallel: 2 } }));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(log.slice(0, 3)).toEqual(["3 together", "2 together", "one"]);
    expect(socket.end("st1")?.telemetry).toMatchObject({ usd: 300 });
    await sim.router.close();
  });

  it("A7.4 a ledger that cannot answer fails closed for all of them", async () => {
    const { sim } = world(1_000, (store) => ({ ...store, reserveAll: () => Promise.reject(new Error("away")) }));
    const socket = sim.connect();
    socket.send(fanout("st1"));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect((socket.end("st1")?.payload?.content as { code?: string }).code).toBe("EOVERLOAD");
    for (const { calls } of sim.adapters.values()) expect(calls).toHaveLength(0);
    await sim.router.close();
  });

  it("A7.6 a raised window admits at once what waited for it", async () => {
    const { sim } = world(1_000);
    const socket = sim.connect();
    socket.send(fanout("st1", { window: { max_parallel: 1 } }));
    await sim.clock.advance(300);
    const running = (): number => [...sim.adapters.values()].reduce((n, { calls }) => n + calls.length, 0);
    expect(running()).toBe(1);
    socket.send({
      v: 1,
      session_id: "s1",
      stream_id: "st1",
      msg_seq: 2,
      flags: ["CTRL"],
      payload: { type: "control.window_update", content: { number: 1, window: { max_parallel: 3 } } },
    });
    await sim.clock.advance(5);
    // The first one still runs: nothing was waited for but the window.
    expect(running()).toBe(3);
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.telemetry).toMatchObject({ usd: 300 });
    await sim.router.close();
  });
});
