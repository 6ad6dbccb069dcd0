import { describe, expect, it } from "vitest";
import type { AcceptContent, ErrorContent, Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, Simulation, SimulationConfig } from "../../src/testing/index.js";

const CALL_MS = 1_000;
/** Calls of 700 to 1300 ms: slots do not come free all at once. */
const steady: AdapterScript = {
  id: "a",
  estimate: { outTokens: 10, cancelsCleanly: true },
  answer: (_call, nth) => [
    { afterMs: 10, text: "yes ", usage: { inTokens: 10, outTokens: 2, usdMicros: 20 } },
    { afterMs: CALL_MS - 10 + (((nth * 37) % 7) - 3) * 100, final: {} },
  ],
};

function world(more: Partial<SimulationConfig> = {}): {
  readonly sim: Simulation;
  readonly socket: MemorySocket;
  readonly estimates: () => number;
} {
  const sim = createSimulation({
    adapters: [steady],
    limits: { maxConcurrentCalls: 4, maxWindowWaitMs: 3_000 },
    ...more,
  });
  return { sim, socket: sim.connect(), estimates: () => sim.adapters.get("a")?.estimates ?? 0 };
}

const errorOf = (frame: Frame | undefined): ErrorContent => frame?.payload?.content as ErrorContent;
const ended = (socket: MemorySocket, stream: string): Promise<boolean> | boolean => socket.end(stream) !== undefined;

/** Bronze streams until one is refused at the door; its name. */
async function flood(sim: Simulation, socket: MemorySocket): Promise<string> {
  // What a call takes is known from the first.
  for (let i = 0; i < 4; i++) socket.send(syn({ stream: `w${i}`, qos: "bronze" }));
  await sim.clock.advance(CALL_MS * 2);
  for (let i = 0; i < 100; i++) {
    socket.send(syn({ stream: `b${i}`, qos: "bronze" }));
    await sim.clock.advance(5);
    if (socket.end(`b${i}`) !== undefined) return `b${i}`;
  }
  throw new Error("a flood of a hundred was let in");
}

describe("a router with more work than it can do", () => {
  it("refuses before it reads the body and before any adapter is asked", async () => {
    const { sim, socket, estimates } = world();
    await flood(sim, socket);
    const before = estimates();
    // A body that would be refused with EPROTO if anybody read it.
    socket.send({
      ...syn({ stream: "bad", qos: "bronze" }),
      payload: { type: "agent.request", content: { prompt: 7 } },
    });
    await sim.clock.advance(5);
    expect(errorOf(socket.end("bad"))).toMatchObject({
      code: "EOVERLOAD",
      processed: "no",
      details: { reason: "wait" },
    });
    expect(estimates()).toBe(before);
    await sim.router.close();
  });

  it("sheds what waited in its lane as it refuses at the door: EOVERLOAD with a time to come back, and no adapter is blamed", async () => {
    const { sim, socket } = world({ limits: { maxConcurrentCalls: 1 } });
    // Nothing is known yet of how long calls take, so all are let in.
    const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
    for (const stream of names) socket.send(syn({ stream, meta: { deadline_ms: 3_000 } }));
    await sim.clock.until(() => names.every((name) => socket.end(name) !== undefined));
    const errors = names.map((name) => socket.end(name)).filter((frame) => frame?.flags[0] === "RST");
    expect(errors.length).toBeGreaterThan(3);
    for (const frame of errors) {
      expect(errorOf(frame)).toMatchObject({ code: "EOVERLOAD", processed: "no", details: { reason: "timeout" } });
      expect(errorOf(frame).retry_after_ms).toBeGreaterThan(0);
    }
    expect(sim.router.view().adapters[0]?.status).toBe("READY");
    await sim.router.close();
  });

  it("tells honestly when to come back: the same request is let in then, and answered", async () => {
    const { sim, socket } = world();
    const refused = await flood(sim, socket);
    const { retry_after_ms: retryAfterMs } = errorOf(socket.end(refused));
    expect(retryAfterMs).toBeGreaterThan(0);
    await sim.clock.advance(retryAfterMs ?? 0);
    socket.send(syn({ stream: "again", qos: "bronze" }));
    await sim.clock.until(() => ended(socket, "again") === true);
    expect(socket.end("again")?.flags).toContain("FIN");
    await sim.router.close();
  });

  it("lets gold in while bronze is refused, and cuts a running bronze call for it: EPREEMPT, settled", async () => {
    const { sim, socket } = world();
    await flood(sim, socket);
    const sentAt = sim.clock.now();
    for (let i = 0; i < 3; i++) socket.send(syn({ stream: `g${i}`, qos: "gold" }));
    await sim.clock.until(() => [0, 1, 2].every((i) => ended(socket, `g${i}`) === true));
    for (let i = 0; i < 3; i++) expect(socket.end(`g${i}`)?.flags).toContain("FIN");
    expect(sim.clock.now() - sentAt).toBeLessThan(2.5 * CALL_MS);
    const cut = Array.from({ length: 100 }, (_, i) => socket.end(`b${i}`)).filter(
      (end) => errorOf(end)?.code === "EPREEMPT",
    );
    expect(cut.length).toBeGreaterThan(0);
    for (const end of cut) {
      expect(errorOf(end)).toMatchObject({ retry: "backoff", processed: "yes" });
      // It had said two tokens for 20 micro-dollars: that is what it costs, no less.
      expect(end?.telemetry).toMatchObject({ usd: expect.any(Number) as number });
      expect(end?.telemetry?.usd).toBeGreaterThanOrEqual(20);
    }
    // Bronze keeps its floor: work of it runs while gold waits.
    await sim.clock.until(() => sim.router.view().streams === 0);
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    await sim.router.close();
  });

  it("refuses bronze and serves gold while the process is short of memory, and all again afterwards", async () => {
    let share = 0.5;
    const { sim, socket } = world({ memoryShare: () => share });
    const outcomes = { gold: { in: 0, out: 0 }, bronze: { in: 0, out: 0 } };
    let n = 0;
    const load = async (seconds: number): Promise<void> => {
      outcomes.gold = { in: 0, out: 0 };
      outcomes.bronze = { in: 0, out: 0 };
      for (let i = 0; i < seconds * 10; i++) {
        for (const qos of ["gold", "bronze"] as const) {
          const stream = `${qos}${n++}`;
          socket.send(syn({ stream, qos }));
          await sim.clock.advance(5);
          const isRefused = errorOf(socket.end(stream))?.details?.["reason"] === "cut";
          outcomes[qos][isRefused ? "out" : "in"]++;
          socket.send({
            v: 1,
            session_id: "s1",
            stream_id: stream,
            msg_seq: 2,
            flags: ["RST"],
            payload: {
              type: "error",
              content: { code: "ECANCELLED", message: "enough", retry: "never", processed: "maybe" },
            },
          });
        }
        await sim.clock.advance(90);
      }
    };
    await load(2);
    expect(outcomes).toMatchObject({ gold: { out: 0 }, bronze: { out: 0 } });
    share = 0.95;
    await load(10);
    expect(outcomes.bronze.out).toBeGreaterThan(outcomes.bronze.in / 4);
    expect(outcomes.gold.out).toBe(0);
    expect(sim.router.view().lanes.lanes.bronze.shed_by["cut"]).toBeGreaterThan(0);
    share = 0.5;
    await load(120);
    await load(2);
    expect(outcomes).toMatchObject({ gold: { out: 0 }, bronze: { out: 0 } });
    await sim.router.close();
  });

  it("a client that asks for gold without the right gets what policy grants, told in control.accept", async () => {
    const { sim, socket } = world({ tenants: { default: { lanes: ["silver", "bronze"] } } });
    socket.send(syn({ stream: "g", qos: "gold" }));
    await sim.clock.until(() => ended(socket, "g") === true);
    expect(socket.of("g", "control.accept")[0]?.payload?.content as AcceptContent).toMatchObject({ qos: "silver" });
    expect(socket.end("g")?.flags).toContain("FIN");
    expect(sim.router.view().lanes.lanes).toMatchObject({ gold: { granted: 0 }, silver: { granted: 1 } });
    await sim.router.close();
  });
});
