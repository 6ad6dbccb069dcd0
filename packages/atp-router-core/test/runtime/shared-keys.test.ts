import type { Frame } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { StoreUnavailable } from "../../src/ports/index.js";
import type { RunStore } from "../../src/ports/index.js";
import { createMemoryRunStore } from "../../src/runtime/index.js";
import { createSimulation, createVirtualClock, runStoreCompliance, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const answer = [
  { afterMs: 10, text: "a", usage },
  { afterMs: 100, text: "b", usage },
  { afterMs: 100, final: { confidence: 0.9 } },
];

/** Two routers on one clock that share a store of keys. */
function world(wrap: (store: RunStore) => RunStore = (store) => store): { a: Simulation; b: Simulation } {
  const clock = createVirtualClock();
  const runs = wrap(createMemoryRunStore(clock));
  const adapters = [{ id: "a", answer }];
  return {
    a: createSimulation({ adapters, clock, runs }),
    b: createSimulation({ adapters, clock, runs, seed: 2 }),
  };
}
const keyed = (stream: string, prompt = "hello", key = "k1"): Frame =>
  syn({ stream, prompt, meta: { idempotency_key: key, strategy: "single" } });
const cancel = (stream_id: string): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id,
  msg_seq: 2,
  flags: ["RST"],
  payload: { type: "control.cancel", content: {} },
});
const codeOf = (frame: Frame | undefined): unknown => (frame?.payload?.content as { code?: unknown } | undefined)?.code;
const ended = (at: Simulation, socket: MemorySocket, stream = "st1"): Promise<void> =>
  at.clock.until(() => socket.end(stream) !== undefined);
const runsOf = (at: Simulation): number => at.observations.filter(({ t }) => t === "stream.ended").length;
const close = ({ a, b }: { a: Simulation; b: Simulation }): Promise<unknown> =>
  Promise.all([a.router.close(), b.router.close()]);

runStoreCompliance(
  "memory",
  () => {
    const clock = createVirtualClock();
    return { store: (limits) => createMemoryRunStore(clock, limits), pass: (ms) => clock.advance(ms) };
  },
  { describe, it, expect },
);

describe("idempotency keys across routers", () => {
  it("A9.4-4 A9.4-5 a second SYN at another router gets the first one's FINAL, and nobody pays again", async () => {
    const w = world();
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    await ended(w.a, one);
    two.send(keyed("st7"));
    await ended(w.b, two, "st7");
    expect(two.end("st7")?.payload).toEqual(one.end("st1")?.payload);
    expect(two.end("st7")?.telemetry).toEqual({ ...one.end("st1")?.telemetry, replayed: true });
    expect(two.of("st7", "control.accept")).toHaveLength(1);
    expect([runsOf(w.a), runsOf(w.b)]).toEqual([1, 0]);
    await close(w);
  });

  it("A9.4-4 of SYNs at both at once one runs; each hears the end once", async () => {
    const w = world();
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    two.send(keyed("st1"));
    await ended(w.a, one);
    await ended(w.b, two);
    expect(one.end("st1")?.payload).toEqual(two.end("st1")?.payload);
    expect(runsOf(w.a) + runsOf(w.b)).toBe(1);
    await close(w);
  });

  it("A9.4-6 other content under the key is EDUP at another router too", async () => {
    const w = world();
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    await w.a.clock.advance(50);
    two.send(keyed("st1", "something else"));
    await ended(w.b, two);
    expect(codeOf(two.end("st1"))).toBe("EDUP");
    await ended(w.a, one);
    expect(one.end("st1")?.flags).toContain("FIN");
    await close(w);
  });

  it("A9.4 the holder at another router may leave; the run goes on", async () => {
    const w = world();
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    await w.a.clock.advance(50);
    two.send(keyed("st1"));
    await w.a.clock.advance(5);
    two.send(cancel("st1"));
    await ended(w.b, two);
    expect(codeOf(two.end("st1"))).toBe("ECANCELLED");
    await ended(w.a, one);
    expect(one.end("st1")?.flags).toContain("FIN");
    await close(w);
  });

  it("A9.4 a router that is lost loses its run: the one that waits runs it, with one accept and one end", async () => {
    let lost = false;
    const w = world((store) => ({
      ...store,
      // The first router's words reach nobody any more.
      renew: async (...args) => (lost ? false : store.renew(...args)),
      finish: async (run, claimant, end) => (lost ? false : store.finish(run, claimant, end)),
    }));
    const clock = w.a.clock;
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    await clock.advance(5);
    lost = true;
    two.send(keyed("st1"));
    await clock.until(() => two.end("st1") !== undefined, 60_000);
    expect(two.end("st1")?.flags).toContain("FIN");
    expect(two.of("st1", "control.accept")).toHaveLength(1);
    expect(runsOf(w.b)).toBe(1);
    await close(w);
  });

  it("A9.4 without the store a key starts nothing, and says that nothing was spent", async () => {
    const away = (): Promise<never> => Promise.reject(new StoreUnavailable("away", "unknown"));
    const w = world((store) => ({ ...store, claim: away }));
    const socket = w.a.connect();
    socket.send(keyed("st1"));
    await ended(w.a, socket);
    expect(socket.end("st1")?.payload?.content).toMatchObject({ code: "EOVERLOAD", processed: "no", retry: "backoff" });
    expect(runsOf(w.a)).toBe(0);
    await close(w);
  });

  it("A9.4 an end that the store did not take is told again until it does", async () => {
    let away = 3;
    const w = world((store) => ({
      ...store,
      finish: (run, claimant, end) =>
        away-- > 0 ? Promise.reject(new StoreUnavailable("away", "unknown")) : store.finish(run, claimant, end),
    }));
    const [one, two] = [w.a.connect(), w.b.connect()];
    one.send(keyed("st1"));
    await ended(w.a, one);
    two.send(keyed("st1"));
    await w.a.clock.advance(100);
    expect(two.end("st1")).toBeUndefined();
    await ended(w.b, two);
    expect(two.end("st1")?.telemetry).toMatchObject({ replayed: true });
    expect(runsOf(w.b)).toBe(0);
    await close(w);
  });
});
