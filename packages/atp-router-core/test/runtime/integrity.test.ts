/** A10 at a router: who must sign, what is refused, and what goes on beside it. */
import type { Frame, HelloContent, WelcomeContent } from "atp-protocol";
import { createNonceMemory, nonceOf, sealFault, sealFrameSync, sha256Digest } from "atp-protocol/integrity";
import type { NonceStore } from "atp-protocol/integrity";
import { createReplayMemory } from "atp-protocol/replay";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/model/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation, SimulationConfig } from "../../src/testing/index.js";

const digest = sha256Digest;
const key = new Uint8Array(32).fill(7);
const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const keys: Readonly<Record<string, Uint8Array>> = { "acme/alice": key };

function simulate(over: Partial<SimulationConfig> = {}): Simulation {
  const words = Array.from({ length: 20 }, (_, i) => ({ afterMs: 10, text: `${i};`, usage }));
  return createSimulation({
    adapters: [{ id: "a", answer: [...words, { afterMs: 10, final: { confidence: 0.9 } }] }],
    identity: {
      authenticate: ({ token = "" }) => Promise.resolve({ principal: { tenant: "acme", subject: token, roles: [] } }),
    },
    integrity: { digest, keyOf: ({ tenant, subject }: Principal) => keys[`${tenant}/${subject}`] },
    ...over,
  });
}

let made = 0;
/** Signed as the named principal does, now. */
function signed(sim: Simulation, frame: Frame, with_: Uint8Array = key): Frame {
  const random = new Uint8Array(16);
  new DataView(random.buffer).setUint32(0, ++made);
  return sealFrameSync(frame, { digest, key: with_, nonce: nonceOf(sim.clock.wall(), random) });
}

const capabilities = ["resume", "credit", "integrity"];
function hello(token: string, resume?: HelloContent["resume"]): Frame {
  const content = { client: { name: "t", version: "1" }, capabilities, token, ...(resume && { resume }) };
  const payload = { type: "control.hello", content };
  return { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
}
const control = (flags: readonly string[], more: object): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 1,
  flags,
  ...more,
});
const errorsOf = (socket: MemorySocket, stream: string): unknown[] =>
  socket.of(stream, "error").map(({ payload }) => payload?.content);
const welcomeOf = (socket: MemorySocket): WelcomeContent =>
  socket.of("0", "control.welcome")[0]?.payload?.content as WelcomeContent;

async function greeted(sim: Simulation): Promise<MemorySocket> {
  const socket = sim.connect();
  socket.send(signed(sim, hello("alice")));
  await sim.clock.until(() => socket.of("0", "control.welcome").length > 0);
  return socket;
}

describe("integrity at a router (A10)", () => {
  it("A10-5 A10-6 a signed session runs, and all that the router says on it is signed but ACK and HB", async () => {
    const sim = simulate();
    const socket = await greeted(sim);
    expect(welcomeOf(socket)).toMatchObject({
      levels: [1, 2],
      capabilities: [...["resume", "credit", "fragments"], "integrity"],
    });
    socket.send(signed(sim, syn({})));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    const nonces = socket.frames.filter(({ flags }) => !flags.includes("HB")).map(({ nonce }) => nonce);
    expect(new Set(nonces).size).toBe(nonces.length);
    for (const frame of socket.frames) {
      expect(sealFault(frame, { digest, key })).toBeNull();
      if (!frame.flags.includes("HB")) expect(frame.sig).toBeDefined();
    }
    await sim.router.close();
  });

  it.each([
    ["unsigned", (_sim: Simulation, frame: Frame) => frame, "signature_missing"],
    ["another's key", (sim: Simulation, frame: Frame) => signed(sim, frame, new Uint8Array(32)), "signature"],
    ["changed", (sim: Simulation, frame: Frame) => ({ ...signed(sim, frame), ttl: 3 }), "checksum"],
  ])("A10-8 a HELLO that is %s is ESEC, then 4403", async (_name, change, fault) => {
    const sim = simulate();
    const socket = sim.connect();
    socket.send(change(sim, hello("alice")));
    await sim.clock.until(() => socket.closed !== undefined);
    expect(errorsOf(socket, "0")).toMatchObject([{ code: "ESEC", details: { fault } }]);
    expect(socket.closed?.code).toBe(4403);
    await sim.router.close();
  });

  it.each([
    ["unsigned", (_sim: Simulation, frame: Frame) => frame, "signature_missing"],
    ["without a nonce", (_sim: Simulation, frame: Frame) => sealFrameSync(frame, { digest, key }), "nonce_missing"],
    [
      "late",
      (sim: Simulation, frame: Frame) =>
        sealFrameSync(frame, { digest, key, nonce: nonceOf(sim.clock.wall() - 300_001, new Uint8Array(16)) }),
      "nonce_time",
    ],
  ])(
    "A10-8 a SYN that is %s ends in RST ESEC, is audited, and the other stream goes on",
    async (_name, change, fault) => {
      const sim = simulate();
      const socket = await greeted(sim);
      socket.send(signed(sim, syn({})));
      socket.send(change(sim, syn({ stream: "bad" })));
      await sim.clock.until(() => socket.end("st1") !== undefined);
      expect(socket.end("st1")?.flags).toEqual(["FIN"]);
      expect(socket.end("bad")?.flags).toEqual(["RST"]);
      expect(errorsOf(socket, "bad")).toMatchObject([
        { code: "ESEC", retry: "never", processed: "no", details: { fault } },
      ]);
      expect(sim.observations).toContainEqual(
        expect.objectContaining({ t: "violation", error: expect.objectContaining({ code: "ESEC" }) }),
      );
      await sim.router.close();
    },
  );

  it("A10-8 a cancel that somebody forged cancels nothing", async () => {
    const sim = simulate();
    const socket = await greeted(sim);
    socket.send(signed(sim, syn({})));
    socket.send(control(["RST"], { msg_seq: 2, payload: { type: "control.cancel", content: { reason: "x" } } }));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    expect(errorsOf(socket, "st1")).toMatchObject([{ code: "ESEC" }]);
    await sim.router.close();
  });

  it("A10-4 a signed SYN that was listened to opens nothing on another socket", async () => {
    const sim = simulate();
    const heard = signed(sim, syn({}));
    const first = await greeted(sim);
    first.send(heard);
    const second = await greeted(sim);
    second.send(heard);
    await sim.clock.until(() => first.end("st1") !== undefined);
    expect(second.end("st1")?.flags).toEqual(["RST"]);
    expect(errorsOf(second, "st1")).toMatchObject([{ code: "ESEC", details: { fault: "nonce_seen" } }]);
    await sim.router.close();
  });

  it("A10-9 a message sent again after a resume, with its nonce, is dropped in silence as any known number is", async () => {
    const sim = simulate();
    const first = await greeted(sim);
    first.send(signed(sim, syn({})));
    const input = signed(sim, control([], { msg_seq: 2, payload: { type: "agent.input", content: { text: "x" } } }));
    first.send(input);
    await sim.clock.advance(30);
    first.drop();
    await sim.clock.advance(0);
    const second = sim.connect();
    const resume = { resume_token: welcomeOf(first).resume_token ?? "", streams: [{ stream_id: "st1", last_seq: 1 }] };
    second.send(signed(sim, hello("alice", resume)));
    await sim.clock.until(() => second.of("0", "control.resumed").length > 0);
    second.send(input);
    await sim.clock.until(() => second.end("st1") !== undefined);
    expect(second.end("st1")?.flags).toEqual(["FIN"]);
    expect(errorsOf(second, "st1").filter((e) => (e as { code: string }).code === "ESEC")).toEqual([]);
    for (const frame of second.frames) expect(sealFault(frame, { digest, key })).toBeNull();
    await sim.router.close();
  });

  it("A10-6 what is sent again carries the nonce it had", async () => {
    const sim = simulate();
    const first = await greeted(sim);
    first.send(signed(sim, syn({})));
    await sim.clock.until(() => first.of("st1", "agent.result.partial").length > 2);
    first.drop();
    await sim.clock.advance(0);
    const second = sim.connect();
    const resume = { resume_token: welcomeOf(first).resume_token ?? "", streams: [{ stream_id: "st1", last_seq: 1 }] };
    second.send(signed(sim, hello("alice", resume)));
    await sim.clock.until(() => second.of("st1", "agent.result.partial").length > 2);
    const [once, again] = [first, second].map((socket) => socket.of("st1", "agent.result.partial")[0]);
    expect(again).toEqual(once);
    await sim.router.close();
  });

  it("A10-6 A9.3 at another router of the same store all is signed, and what one router heard the other takes for no new frame", async () => {
    const shared = { replay: createReplayMemory(), nonces: createNonceMemory() };
    const a = simulate(shared);
    const b = simulate({ ...shared, clock: a.clock, seed: 2 });
    const first = await greeted(a);
    const heard = signed(a, syn({}));
    first.send(heard);
    await a.clock.until(() => first.of("st1", "agent.result.partial").length > 2);
    first.drop();
    await a.clock.advance(0);
    const thief = await greeted(b);
    thief.send(heard);
    await a.clock.until(() => thief.end("st1") !== undefined);
    expect(errorsOf(thief, "st1")).toMatchObject([{ code: "ESEC", details: { fault: "nonce_seen" } }]);
    const second = b.connect();
    const resume = { resume_token: welcomeOf(first).resume_token ?? "", streams: [{ stream_id: "st1", last_seq: 1 }] };
    second.send(signed(a, hello("alice", resume)));
    await a.clock.until(() => second.of("0", "control.resumed").length > 0);
    // The router that relays does not know its number; the one that owns it does.
    second.send(heard);
    second.send(syn({ stream: "bad" }));
    await a.clock.until(() => second.end("st1") !== undefined);
    expect(second.end("st1")?.flags).toEqual(["FIN"]);
    expect(errorsOf(second, "bad")).toMatchObject([{ code: "ESEC" }]);
    expect(errorsOf(second, "st1").filter((e) => (e as { code: string }).code === "ESEC")).toEqual([]);
    for (const frame of second.frames) expect(sealFault(frame, { digest, key })).toBeNull();
    await Promise.all([a.router.close(), b.router.close()]);
  });

  it("A10 a principal without a key need not sign, and may not where that is required", async () => {
    for (const required of [false, true]) {
      const sim = simulate({ integrity: { digest, keyOf: () => undefined, required } });
      const socket = sim.connect();
      socket.send(hello("bob"));
      await sim.clock.until(() => socket.frames.length > 0);
      if (required) expect(errorsOf(socket, "0")).toMatchObject([{ code: "ESEC", details: { fault: "no_key" } }]);
      else expect(welcomeOf(socket).levels).toEqual([1, 2]);
      await sim.router.close();
    }
  });

  it("A10 a socket without HELLO signs by the key of its own credentials", async () => {
    const sim = simulate();
    const socket = sim.connect({ credentials: { token: "alice" } });
    socket.send(signed(sim, syn({})));
    socket.send(syn({ stream: "bad" }));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    expect(errorsOf(socket, "bad")).toMatchObject([{ code: "ESEC" }]);
    await sim.router.close();
  });

  it("A10 frames keep their order behind a store of nonces that takes its time, and fail closed without it", async () => {
    let isAway = false;
    const nonces: NonceStore = {
      record: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve(true)),
    };
    const sim = simulate({ nonces });
    const socket = await greeted(sim);
    for (const stream of ["a", "b", "c"]) socket.send(signed(sim, syn({ stream })));
    await sim.clock.until(() => socket.of("c", "control.accept").length > 0);
    const accepted = socket.frames.filter(({ payload }) => payload?.type === "control.accept");
    expect(accepted.map(({ stream_id }) => stream_id)).toEqual(["a", "b", "c"]);
    isAway = true;
    socket.send(signed(sim, syn({ stream: "late" })));
    await sim.clock.until(() => socket.end("late") !== undefined);
    expect(errorsOf(socket, "late")).toMatchObject([{ code: "EOVERLOAD", retry: "backoff", processed: "no" }]);
    await sim.clock.until(() => socket.end("a") !== undefined);
    expect(socket.end("a")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });
});
