import { describe, expect, it } from "vitest";
import type { Frame, WelcomeContent } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, ScriptStep, Simulation } from "../../src/testing/index.js";
import { readerOf } from "../../src/testing/reader.js";

const KIB = 1_024;
/** What one stream may hold that no reader takes: one pending partial, and a piece more. */
const PENDING = 64 * KIB;
const HIGH_MARK = 256 * KIB;

/** An adapter that says `pieces` pieces of `bytes` each, one every 10 ms; `text` is all of it. */
function talker(pieces: number, bytes: number, id = "a"): AdapterScript & { readonly text: string } {
  const said = Array.from({ length: pieces }, (_, i) => `${i};`.padEnd(bytes, "."));
  const steps: ScriptStep[] = said.map((text) => ({ afterMs: 10, text, usage: { outTokens: 1 } }));
  return {
    id,
    estimate: { outTokens: pieces, cancelsCleanly: true },
    answer: [...steps, { afterMs: 10, final: {} }],
    text: said.join(""),
  };
}

const hello = (capabilities: readonly string[], resume?: object): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: "0",
  msg_seq: 1,
  flags: ["CTRL"],
  payload: {
    type: "control.hello",
    content: { client: { name: "t", version: "1" }, capabilities, ...(resume === undefined ? {} : { resume }) },
  },
});
const credit = (ack: number, messages: number, stream = "st1"): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: stream,
  msg_seq: 1,
  flags: ["ACK"],
  ack,
  credit: { messages, bytes: 100_000_000 },
});
const token = (socket: MemorySocket): string =>
  (socket.of("0", "control.welcome")[0]?.payload?.content as WelcomeContent).resume_token ?? "";
const text = (socket: MemorySocket, stream = "st1", adapter = "a"): string =>
  readerOf(socket.of(stream, "agent.result.partial")).text(adapter);
const running = (sim: Simulation): number => sim.router.view().streams;

describe("a reader that takes nothing", () => {
  it.each([
    [100, 10],
    [400, 4 * KIB],
    [60, 40 * KIB],
  ])("A8.3 without credit holds no more than one pending partial: %i pieces of %i bytes", async (pieces, bytes) => {
    const script = talker(pieces, bytes);
    const sim = createSimulation({ adapters: [script] });
    const socket = sim.connect();
    socket.send(hello(["credit"]));
    socket.send({ ...syn({}), credit: { messages: 2, bytes: 100_000_000 } });
    await sim.clock.advance(25_000);
    expect(running(sim)).toBe(1);
    expect(sim.router.view().bufferedBytes).toBeLessThanOrEqual(PENDING + 2 * bytes + KIB);
    // Its reader comes back: nothing was lost.
    socket.send(credit(3, 1_000_000));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(text(socket) === script.text).toBe(true);
    expect((socket.end("st1")?.payload?.content as { answer?: string }).answer === script.text).toBe(true);
    await sim.router.close();
  });

  it("A8.2 a socket that does not drain holds its mark, and one pending partial for each of its streams", async () => {
    const script = talker(300, 4 * KIB);
    const sim = createSimulation({ adapters: [script] });
    const socket = sim.connect();
    for (const stream of ["x", "y", "z"]) socket.send(syn({ stream }));
    await sim.clock.advance(50);
    socket.stall(true);
    // Streams that are opened meanwhile are held alike.
    await sim.clock.advance(10_000);
    for (const stream of ["u", "v"]) socket.send(syn({ stream }));
    await sim.clock.advance(15_000);
    expect(running(sim)).toBe(5);
    expect(sim.router.view().bufferedBytes).toBeLessThanOrEqual(HIGH_MARK + 5 * (PENDING + 8 * KIB));
    socket.stall(false);
    await sim.clock.until(() => ["u", "v", "x", "y", "z"].every((stream) => socket.end(stream) !== undefined));
    for (const stream of ["x", "u"]) expect(text(socket, stream) === script.text).toBe(true);
    await sim.router.close();
  });

  it("A8.3 a stream without credit is not fed because its socket has room again", async () => {
    const sim = createSimulation({ adapters: [talker(1_500, 2 * KIB)] });
    const socket = sim.connect();
    socket.send(hello(["credit"]));
    socket.send({ ...syn({}), credit: { messages: 2, bytes: 100_000_000 } });
    socket.send({ ...syn({ stream: "st2" }), credit: { messages: 1_000_000, bytes: 1_000_000_000 } });
    for (let i = 0; i < 5; i++) {
      socket.stall(true);
      await sim.clock.advance(1_500);
      socket.stall(false);
      await sim.clock.advance(500);
    }
    socket.stall(false);
    await sim.clock.advance(500);
    expect(sim.router.view().bufferedBytes).toBeLessThanOrEqual(PENDING + 16 * KIB);
    await sim.router.close();
  });

  it("A8.3 adapters that speak in turns have one pending partial each", async () => {
    const scripts = [talker(60, 20, "a"), talker(60, 20, "b"), talker(60, 20, "c")];
    const sim = createSimulation({ adapters: scripts });
    const socket = sim.connect();
    socket.send(hello(["credit"]));
    socket.send({ ...syn({ meta: { strategy: "fanout" } }), credit: { messages: 3, bytes: 100_000_000 } });
    await sim.clock.advance(5_000);
    socket.send(credit(4, 1_000_000));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    for (const { id, text: said } of scripts) expect(text(socket, "st1", id)).toBe(said);
    expect(socket.of("st1", "agent.result.partial").length).toBeLessThanOrEqual(3 + 3);
    await sim.router.close();
  });

  it("A8.4 is cut after 30 s with 4108, and a resume brings the FINAL once", async () => {
    const script = talker(400, 2 * KIB);
    const sim = createSimulation({ adapters: [script] });
    const socket = sim.connect();
    socket.send(hello(["resume"]));
    socket.send(syn({}));
    await sim.clock.advance(100);
    socket.stall(true);
    for (let i = 0; i < 40; i++) {
      socket.send({ v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["HB"] });
      await sim.clock.advance(1_000);
    }
    expect(socket.closed).toBeDefined();
    const seen = socket.frames.filter(({ stream_id, flags }) => stream_id === "st1" && !flags.includes("ACK"));
    const next = sim.connect();
    const streams = [{ stream_id: "st1", last_seq: seen.at(-1)?.msg_seq ?? 1 }];
    next.send(hello(["resume"], { resume_token: token(socket), streams }));
    await sim.clock.until(() => next.end("st1") !== undefined);
    await sim.clock.advance(60_000);
    const ends = [...socket.frames, ...next.frames].filter(({ flags }) => flags.includes("FIN"));
    expect(ends).toHaveLength(1);
    expect((ends[0]?.payload?.content as { answer?: string }).answer === script.text).toBe(true);
    await sim.router.close();
  });

  it("A8.4 new streams are refused before memory is short, and one reader's slowness takes no more than its share", async () => {
    const script = talker(400, 4 * KIB);
    const memoryBudgetBytes = 2_000 * KIB;
    const sim = createSimulation({ adapters: [script], limits: { memoryBudgetBytes } });
    let refused = 0;
    let most = 0;
    for (let n = 0; n < 20; n++) {
      const socket = sim.connect();
      socket.stall(true);
      socket.send(syn({}));
      await sim.clock.advance(1_000);
      most = Math.max(most, sim.router.view().bufferedBytes);
      if (running(sim) <= n - refused) refused++;
    }
    expect(refused).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(memoryBudgetBytes + HIGH_MARK + 2 * PENDING);
    await sim.router.close();
  });
});
