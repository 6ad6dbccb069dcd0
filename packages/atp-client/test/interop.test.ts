import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSimulation } from "../../atp-router-core/src/testing/index.js";
import type { AdapterScript, Simulation } from "../../atp-router-core/src/testing/index.js";
import { createClient, isAtpError, isAtpLocalError } from "../src/index.js";
import type { AtpClient, RunEvent } from "../src/index.js";
import { clientClock, SimWire } from "./support/sim-wire.js";

const usage = { inTokens: 5, outTokens: 10, usdMicros: 50 };

function talker(id: string, words: readonly string[]): AdapterScript {
  return {
    id,
    answer: [
      ...words.map((text, i) => ({ afterMs: 10, text, ...(i === 0 ? { usage } : {}) })),
      { afterMs: 1, final: { confidence: 0.9 } },
    ],
  };
}

let sim: Simulation;
let client: AtpClient;
let wire: SimWire;

beforeEach(() => {
  sim = createSimulation({
    adapters: [talker("quick", ["yes, ", "at once"]), talker("sure", ["yes, ", "at ", "once"])],
  });
  wire = new SimWire(sim.clock, sim.router);
  client = createClient({
    url: "ws://router.test/ws",
    socket: wire.connect,
    clock: clientClock(sim.clock),
    random: () => 0.5,
  });
});
afterEach(() => sim.router.close());

/** Moves virtual time until a promise has settled. */
async function passing<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = (): void => {
    settled = true;
  };
  promise.then(done, done);
  await sim.clock.until(() => settled, 60_000);
  return promise;
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

describe("with a real router", () => {
  it("plan, partials of every adapter, and the final with a bill that adds up (A4, A11)", async () => {
    const run = client.stream("is it so?", { strategy: "fanout", qos: "gold", window: { max_tokens: 5_000 } });
    const events = await passing(collect(run));
    const final = await run.final();
    expect(final).toMatchObject({ ok: true, answer: "yes, at once", consensus: { agreement: 1, strategy: "fanout" } });
    expect(events.slice(0, 2).map(({ type }) => type)).toEqual(["accept", "plan"]);
    expect(run.plan?.rungs[0]?.map(({ adapter }) => adapter).sort()).toEqual(["quick", "sure"]);
    expect(Object.fromEntries(run.text)).toEqual({ quick: "yes, at once", sure: "yes, at once" });
    const sum = (final.telemetry?.adapters ?? []).reduce((total, { usd }) => total + usd, 0);
    expect(final.telemetry?.usd).toBe(sum);
    expect(sum).toBe(100);
  });

  it("fifty runs at once on one connection, each with its own answer", async () => {
    const runs = Array.from({ length: 50 }, (_, i) => client.stream(`q${i}`, { strategy: "single" }));
    const finals = await passing(Promise.all(runs.map((run) => run.final())));
    expect(finals.map(({ answer }) => answer)).toEqual(Array.from({ length: 50 }, () => "yes, at once"));
    expect(wire.sockets).toHaveLength(1);
  });

  it("a refusal comes with its limit and cost nothing (A7.7)", async () => {
    const run = client.stream("hi", { window: { max_tokens: 1 } });
    const error: unknown = await passing(run.final()).catch((thrown: unknown) => thrown);
    expect(isAtpError(error)).toBe(true);
    expect(error).toMatchObject({ code: "EBUDGET", processed: "no" });
    expect(run.usage).toMatchObject({ tokens: 0, usd: 0 });
  });

  it("a cancel stops the adapters and is billed (A9.5)", async () => {
    const run = client.stream("hi", { strategy: "fanout" });
    await sim.clock.until(() => run.text.size === 2);
    const bill = await passing(run.cancel("enough"));
    await expect(run.final()).rejects.toMatchObject({ code: "EABORT" });
    expect(bill?.usd).toBeGreaterThan(0);
    for (const adapter of sim.adapters.values()) expect(adapter.running).toBe(0);
  });

  it("without resume a drop cuts, and the next run has a new connection (A4.3)", async () => {
    const naive = createClient({
      url: "ws://router.test/ws",
      capabilities: ["credit"],
      socket: wire.connect,
      clock: clientClock(sim.clock),
    });
    const run = naive.stream("hi");
    await sim.clock.until(() => run.text.size > 0);
    wire.sockets[0]?.cut();
    const error: unknown = await run.final().catch((thrown: unknown) => thrown);
    expect(isAtpLocalError(error, "ECUT")).toBe(true);
    expect((await passing(naive.stream("again").final())).answer).toBe("yes, at once");
    expect(wire.sockets).toHaveLength(2);
    await naive.close();
  });

  it("an idle connection lives on heartbeats (A9.1)", async () => {
    await passing(client.stream("hi").final());
    await sim.clock.advance(300_000);
    expect(client.state.name).toBe("open");
    await passing(client.stream("hi").final());
    expect(wire.sockets).toHaveLength(1);
  });
});
