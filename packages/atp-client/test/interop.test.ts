import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSimulation } from "../../atp-router-core/src/testing/index.js";
import type { AdapterScript, Simulation } from "../../atp-router-core/src/testing/index.js";
import { createClient, isAtpError, isAtpLocalError } from "../src/index.js";
import type { AtpClient, ClientSocket, RunEvent } from "../src/index.js";

const usage = { inTokens: 5, outTokens: 10, usdMicros: 50 };
const LATENCY_MS = 3;

function talker(id: string, words: readonly string[]): AdapterScript {
  return {
    id,
    answer: [
      ...words.map((text, i) => ({ afterMs: 10, text, ...(i === 0 ? { usage } : {}) })),
      { afterMs: 1, final: { confidence: 0.9 } },
    ],
  };
}

/** A client's socket into a simulated router; each message takes its time, both ways, and order is kept. */
function socketInto(sim: Simulation, drops: (() => void)[]): ClientSocket {
  const { clock, router } = sim;
  const later = (fn: () => void): void => {
    clock.at(clock.now() + LATENCY_MS, fn);
  };
  let over = false;
  const toClient: (() => void)[] = [];
  const toRouter: (() => void)[] = [];
  const travel = (lane: (() => void)[], arrive: () => void): void => {
    lane.push(arrive);
    later(() => lane.shift()?.());
  };
  const end = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    handler.closed(code, reason);
    socket.onclose?.({ code, reason });
  };
  const socket: ClientSocket = {
    protocol: "atp.v1+json",
    bufferedAmount: 0,
    binaryType: "",
    onopen: null,
    onmessage: null,
    onerror: null,
    onclose: null,
    send: (data) => {
      travel(toRouter, () => {
        if (!over) handler.text(String(data));
      });
    },
    close: (code = 1005, reason = "") => {
      travel(toRouter, () => {
        end(code, reason);
      });
    },
  };
  const handler = router.connect(
    {
      send: (data) => {
        travel(toClient, () => {
          if (!over) socket.onmessage?.({ data });
        });
        later(() => {
          if (!over) handler.flushed(0);
        });
      },
      close: (code, reason) => {
        travel(toClient, () => {
          end(code, reason);
        });
      },
      terminate: () => {
        end(1006, "");
      },
      ping: () => {
        later(() => {
          handler.alive();
        });
      },
      setReading: () => undefined,
      bufferedBytes: () => 0,
    },
    { remote: "memory", subprotocol: "atp.v1+json", credentials: {} },
  );
  drops.push(() => {
    end(1006, "");
  });
  later(() => {
    socket.onopen?.();
  });
  return socket;
}

let sim: Simulation;
let client: AtpClient;
let drops: (() => void)[];

beforeEach(() => {
  drops = [];
  sim = createSimulation({
    adapters: [talker("quick", ["yes, ", "at once"]), talker("sure", ["yes, ", "at ", "once"])],
  });
  client = createClient({
    url: "ws://router.test/ws",
    socket: () => socketInto(sim, drops),
    clock: { now: () => sim.clock.now(), after: (delayMs, fn) => sim.clock.at(sim.clock.now() + delayMs, fn) },
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
    expect(drops).toHaveLength(1);
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

  it("a drop cuts, and the next run has a new connection (A4.3)", async () => {
    const run = client.stream("hi");
    await sim.clock.until(() => run.text.size > 0);
    drops[0]?.();
    const error: unknown = await run.final().catch((thrown: unknown) => thrown);
    expect(isAtpLocalError(error, "ECUT")).toBe(true);
    expect((await passing(client.stream("again").final())).answer).toBe("yes, at once");
    expect(drops).toHaveLength(2);
  });

  it("an idle connection lives on heartbeats (A9.1)", async () => {
    await passing(client.stream("hi").final());
    await sim.clock.advance(300_000);
    expect(client.state.name).toBe("open");
    await passing(client.stream("hi").final());
    expect(drops).toHaveLength(1);
  });
});
