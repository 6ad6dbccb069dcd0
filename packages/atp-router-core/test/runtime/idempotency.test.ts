import type { Frame } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const answer = [
  { afterMs: 10, text: "a", usage },
  { afterMs: 100, text: "b", usage },
  { afterMs: 100, final: { confidence: 0.9 } },
];
const simulate = (): Simulation => createSimulation({ adapters: [{ id: "a", answer }] });
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
const ended = (sim: Simulation, socket: MemorySocket, stream: string): Promise<void> =>
  sim.clock.until(() => socket.end(stream) !== undefined);
const codeOf = (frame: Frame | undefined): unknown => (frame?.payload?.content as { code?: unknown } | undefined)?.code;
const posted = async (sim: Simulation): Promise<string> =>
  JSON.stringify((await sim.router.budgets()).tenants["default"]);

describe("idempotency keys", () => {
  it("A9.4-4 A9.4-5 a second SYN gets the first run's FINAL, marked as replayed, and nobody pays again", async () => {
    const sim = simulate();
    const [one, two] = [sim.connect(), sim.connect()];
    one.send(keyed("st1"));
    await ended(sim, one, "st1");
    const money = await posted(sim);
    two.send(keyed("st1"));
    await ended(sim, two, "st1");
    expect(two.end("st1")?.payload).toEqual(one.end("st1")?.payload);
    expect(two.end("st1")?.telemetry).toEqual({ ...one.end("st1")?.telemetry, replayed: true });
    expect(two.end("st1")?.msg_seq).toBe(2);
    expect(two.of("st1", "control.accept")).toHaveLength(1);
    expect(await posted(sim)).toBe(money);
    await sim.router.close();
  });

  it("A9.4-4 attaches to a run that still goes on: one call, one end for each", async () => {
    const sim = simulate();
    const [one, two] = [sim.connect(), sim.connect()];
    one.send(keyed("st1"));
    await sim.clock.advance(20);
    two.send(keyed("st9"));
    await ended(sim, two, "st9");
    expect(one.end("st1")?.payload).toEqual(two.end("st9")?.payload);
    expect(sim.observations.filter(({ t }) => t === "stream.ended")).toHaveLength(1);
    await sim.router.close();
  });

  it("A9.4-6 other content under the key is EDUP, and the first run goes on", async () => {
    const sim = simulate();
    const socket = sim.connect();
    socket.send(keyed("st1"));
    await sim.clock.advance(20);
    socket.send(keyed("st2", "other"));
    await ended(sim, socket, "st2");
    expect(socket.end("st2")?.flags).toEqual(["RST"]);
    expect(codeOf(socket.end("st2"))).toBe("EDUP");
    await ended(sim, socket, "st1");
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it("A9.4-7 a cancel lets one holder go; the run is cancelled with its last one", async () => {
    const sim = simulate();
    const [one, two, three] = [sim.connect(), sim.connect(), sim.connect()];
    one.send(keyed("st1"));
    await sim.clock.advance(20);
    two.send(keyed("st2"));
    three.send(keyed("st3"));
    await sim.clock.advance(10);
    one.send(cancel("st1"));
    await ended(sim, one, "st1");
    expect(codeOf(one.end("st1"))).toBe("ECANCELLED");
    three.drop();
    await sim.clock.advance(0);
    expect(sim.router.view().streams).toBe(1);
    two.send(cancel("st2"));
    await ended(sim, two, "st2");
    expect(codeOf(two.end("st2"))).toBe("ECANCELLED");
    expect(sim.router.view().streams).toBe(0);
    await sim.router.close();
  });

  it("A9.4-2 a refusal that spent nothing binds nothing, and a key is free again after an hour", async () => {
    const sim = simulate();
    const socket = sim.connect();
    socket.send(syn({ stream: "st1", meta: { idempotency_key: "k1", tool_permissions: ["shell.exec"] } }));
    await ended(sim, socket, "st1");
    expect(codeOf(socket.end("st1"))).toBe("EPOLICY");
    socket.send(keyed("st2", "other"));
    await ended(sim, socket, "st2");
    expect(socket.end("st2")?.flags).toEqual(["FIN"]);
    await sim.clock.advance(3_600_000);
    const late = sim.connect();
    late.send(keyed("st3", "third"));
    await ended(sim, late, "st3");
    expect(late.end("st3")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it("D4-6 on a socket without HELLO an explicit continue counts with a key: the answer waits for the next SYN", async () => {
    const sim = simulate();
    const one = sim.connect();
    const asked = syn({ meta: { idempotency_key: "k1", strategy: "single", on_disconnect: "continue" } });
    one.send(asked);
    await sim.clock.advance(20);
    one.drop();
    await sim.clock.advance(1_000);
    expect(sim.observations.filter(({ t }) => t === "stream.ended")).toMatchObject([{ outcome: "final" }]);
    const two = sim.connect();
    two.send(asked);
    await ended(sim, two, "st1");
    expect(two.end("st1")).toMatchObject({ flags: ["FIN"], telemetry: { replayed: true } });
    await sim.router.close();
  });
});
