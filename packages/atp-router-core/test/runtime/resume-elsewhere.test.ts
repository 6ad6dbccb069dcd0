import type { Frame, HelloContent } from "atp-protocol";
import { createReplayMemory } from "atp-protocol/replay";
import type { ReplayStore } from "atp-protocol/replay";
import { describe, expect, it } from "vitest";
import { StoreUnavailable } from "../../src/ports/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation, SimulationConfig } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const answer = [
  ...Array.from({ length: 20 }, (_, i) => ({ afterMs: 10, text: `${i};`, usage })),
  { afterMs: 10, final: { confidence: 0.9 } },
];
const whole = Array.from({ length: 20 }, (_, i) => `${i};`).join("");

/** Two routers on one clock that share a store. A lost one answers nothing any more. */
interface World {
  readonly a: Simulation;
  readonly b: Simulation;
  readonly lose: () => void;
  /** While it is slow, commands wait for it. */
  readonly stall: (on: boolean) => void;
}

/** @param isTold commands to the lost router are taken and lost, as for a while in a store that leases */
function world(over: Partial<SimulationConfig> = {}, isTold = false): World {
  const store = createReplayMemory();
  let lost = false;
  let stalled: (() => void)[] | undefined;
  const mortal: ReplayStore = {
    ...store,
    commands: (self, take) =>
      store.commands(self, (command) => {
        if (stalled !== undefined) stalled.push(() => take(command));
        else if (!lost) take(command);
      }),
    append: async (...args) => (lost ? undefined : store.append(...args)),
    publish: async (...args) => (lost ? undefined : store.publish(...args)),
    forget: async (...args) => (lost ? undefined : store.forget(...args)),
    tell: async (...args) => !lost && store.tell(...args),
  };
  const heard: ReplayStore = { ...store, tell: async (...args) => (isTold || !lost) && store.tell(...args) };
  const adapters = [{ id: "a", answer }];
  const a = createSimulation({ adapters, replay: mortal, ...over });
  const b = createSimulation({ adapters, clock: a.clock, seed: 2, ...over, replay: heard });
  const stall = (on: boolean): void => {
    const waiting = stalled ?? [];
    stalled = on ? waiting : undefined;
    if (!on) for (const go of waiting) go();
  };
  return { a, b, lose: () => (lost = true), stall };
}

function hello(resume?: HelloContent["resume"], token?: string): Frame {
  const content = {
    client: { name: "t", version: "1" },
    capabilities: ["resume", "credit"],
    ...(resume === undefined ? {} : { resume }),
    ...(token === undefined ? {} : { token }),
  };
  const payload = { type: "control.hello", content };
  return { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
}

const tokenOf = (socket: MemorySocket): string =>
  (socket.of("0", "control.welcome")[0]?.payload?.content as { resume_token?: string } | undefined)?.resume_token ?? "";
const statesOf = (socket: MemorySocket): unknown =>
  (socket.of("0", "control.resumed")[0]?.payload?.content as { streams: unknown } | undefined)?.streams;
const numbered = (socket: MemorySocket): Frame[] =>
  socket.frames.filter(
    ({ stream_id, flags }) => stream_id === "st1" && !flags.includes("CTRL") && !flags.includes("ACK"),
  );
const textOf = (frames: readonly Frame[]): string =>
  frames.map(({ payload }) => (payload?.content as { text?: string }).text ?? "").join("");
const codeOf = (frame: Frame | undefined): unknown => (frame?.payload?.content as { code?: unknown } | undefined)?.code;
const control = (stream_id: string, flags: string[], more: Partial<Frame>): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id,
  msg_seq: 1,
  flags,
  ...more,
});

interface Dropped {
  readonly token: string;
  readonly seen: Frame[];
}

/** A client that asked at `at`, read `pieces` pieces, and lost its socket. */
async function dropped(at: Simulation, pieces = 3, ask = syn({})): Promise<Dropped> {
  const socket = at.connect();
  socket.send(hello());
  socket.send(ask);
  await at.clock.until(() => socket.of("st1", "agent.result.partial").length >= pieces);
  socket.drop();
  await at.clock.advance(0);
  return { token: tokenOf(socket), seen: numbered(socket) };
}

function resumed(at: Simulation, { token, seen }: Dropped): MemorySocket {
  const socket = at.connect();
  socket.send(hello({ resume_token: token, streams: [{ stream_id: "st1", last_seq: seen.at(-1)?.msg_seq ?? 1 }] }));
  return socket;
}

/** As a client does that is told to connect again: after a moment, until it is let in. */
async function resumedAtLast(at: Simulation, first: Dropped): Promise<MemorySocket> {
  for (;;) {
    const socket = resumed(at, first);
    await at.clock.until(() => statesOf(socket) !== undefined || socket.closed !== undefined);
    if (socket.closed === undefined) return socket;
    expect(socket.closed.code).toBe(4100);
    await at.clock.advance(200);
  }
}

const close = ({ a, b }: Pick<World, "a" | "b">): Promise<unknown> => Promise.all([a.router.close(), b.router.close()]);

describe("resume at another router", () => {
  it("A9.6 a router that drains says where to go, in welcome, in its status and in each refusal", async () => {
    const sim = createSimulation({ adapters: [{ id: "a", answer }], resumeUrl: "ws://other:7443/ws" });
    const socket = sim.connect();
    socket.send(hello());
    socket.send(syn({}));
    await sim.clock.advance(50);
    void sim.router.drain();
    await sim.clock.advance(1);
    socket.send(syn({ stream: "st2" }));
    await sim.clock.advance(1);
    const goesTo = { resume_url: "ws://other:7443/ws" };
    expect(socket.of("0", "control.welcome")[0]?.payload?.content).toMatchObject(goesTo);
    expect(socket.of("0", "control.status")[0]?.payload?.content).toMatchObject({ state: "DRAINING", ...goesTo });
    expect(socket.end("st2")?.payload?.content).toMatchObject({ code: "EDRAINING", details: goesTo });
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toContain("FIN");
    await sim.router.close();
  });

  it("A9.3 a store that is away when a router starts is asked again: its sessions are then reached", async () => {
    const store = createReplayMemory();
    let away = 2;
    const late: ReplayStore = {
      ...store,
      commands: (self, take) =>
        away-- > 0 ? Promise.reject(new StoreUnavailable("away", "no")) : store.commands(self, take),
    };
    const adapters = [{ id: "a", answer }];
    const a = createSimulation({ adapters, replay: late });
    const b = createSimulation({ adapters, clock: a.clock, seed: 2, replay: store });
    const early = a.connect();
    early.send(hello());
    await a.clock.advance(100);
    // It is told the truth: not its credentials are wrong.
    expect(codeOf(early.frames[0])).toBe("EOVERLOAD");
    await a.clock.advance(2_000);
    const socket = resumed(b, await dropped(a));
    await a.clock.until(() => socket.end("st1") !== undefined);
    expect(statesOf(socket)).toMatchObject([{ stream_id: "st1", state: "live" }]);
    await close({ a, b });
  });

  it("A9.3 the owner's frames come through the other one: the missing suffix, then live, once and in order", async () => {
    const w = world();
    const first = await dropped(w.a);
    const socket = resumed(w.b, first);
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(statesOf(socket)).toMatchObject([{ stream_id: "st1", state: "live" }]);
    const all = [...first.seen, ...numbered(socket)];
    expect(all.map((frame) => frame.msg_seq)).toEqual(all.map((_, i) => i + 2));
    expect(textOf(all)).toBe(whole);
    expect(tokenOf(socket)).not.toBe(first.token);
    expect(w.b.router.view().streams).toBe(0);
    await close(w);
  });

  it("A9.3 acks, window updates, new SYNs and heartbeats go to the owner; a cancel ends its call", async () => {
    const w = world();
    const socket = resumed(w.b, await dropped(w.a));
    await w.a.clock.until(() => statesOf(socket) !== undefined);
    socket.send(syn({ stream: "st2" }));
    await w.a.clock.until(() => socket.of("st2", "agent.result.partial").length > 0);
    expect(w.a.router.view().streams).toBe(2);
    socket.send(
      control("st1", ["RST"], { msg_seq: 2, payload: { type: "control.cancel", content: { reason: "enough" } } }),
    );
    const at = w.a.clock.now();
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(w.a.clock.now() - at).toBeLessThanOrEqual(50);
    expect(codeOf(socket.end("st1"))).toBe("ECANCELLED");
    await w.a.clock.until(() => socket.end("st2") !== undefined);
    expect(socket.end("st2")?.flags).toEqual(["FIN"]);
    await w.a.clock.advance(60_000);
    socket.send(control("0", ["HB"], {}));
    await w.a.clock.advance(0);
    await close(w);
  });

  it("A9.3-9 credit and input go to the owner: without a grant through the other router its stream stands still", async () => {
    const w = world();
    const first = await dropped(w.a, 2, { ...syn({}), credit: { messages: 4, bytes: 100_000 } });
    const socket = resumed(w.b, first);
    await w.a.clock.until(() => statesOf(socket) !== undefined);
    socket.send(control("st1", [], { msg_seq: 2, payload: { type: "agent.input", content: { text: "more" } } }));
    await w.a.clock.until(() => socket.of("st1", "error").length > 0);
    expect(codeOf(socket.of("st1", "error")[0])).toBe("EPROTO");
    await w.a.clock.advance(1_000);
    expect(first.seen.length + numbered(socket).length).toBe(4);
    socket.send(control("st1", ["ACK"], { ack: 5, credit: { messages: 100, bytes: 1_000_000 } }));
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.frames.some(({ stream_id, ack }) => stream_id === "st1" && ack === 2)).toBe(true);
    expect(textOf([...first.seen, ...numbered(socket)])).toBe(whole);
    await close(w);
  });

  it("A9.3 a stream detached through the other router is taken up at either", async () => {
    const w = world();
    const first = await dropped(w.a);
    const socket = resumed(w.b, first);
    await w.a.clock.until(() => statesOf(socket) !== undefined);
    socket.send(control("st1", ["CTRL"], { payload: { type: "control.detach", content: {} } }));
    await w.a.clock.until(() => socket.of("st1", "control.detached").length > 0);
    const { resume_token } = socket.of("st1", "control.detached")[0]?.payload?.content as { resume_token: string };
    const reader = w.b.connect();
    reader.send(hello({ resume_token, streams: [{ stream_id: "st1", last_seq: 1 }] }));
    await w.a.clock.until(() => reader.end("st1") !== undefined);
    expect(textOf(numbered(reader))).toBe(whole);
    await close(w);
  });

  it("A2.3 the newest attachment wins across routers: the older socket closes with 4409", async () => {
    const w = world();
    const first = await dropped(w.a);
    const atB = resumed(w.b, first);
    await w.a.clock.until(() => statesOf(atB) !== undefined);
    const atA = resumed(w.a, { token: tokenOf(atB), seen: [...first.seen, ...numbered(atB)] });
    await w.a.clock.until(() => atB.closed !== undefined && atA.end("st1") !== undefined);
    expect(atB.closed?.code).toBe(4409);
    expect(textOf([...first.seen, ...numbered(atB), ...numbered(atA)])).toBe(whole);
    await close(w);
  });

  it.each([
    ["the store knows", false],
    ["it only says nothing", true],
  ])(
    "A9.3-10 the owner is lost (%s): what it kept is replayed, then RST EAGENTDOWN, processed maybe",
    async (_, isTold) => {
      const w = world({}, isTold);
      const first = await dropped(w.a);
      await w.a.clock.advance(30);
      w.lose();
      const socket = await resumedAtLast(w.b, first);
      await w.a.clock.until(() => socket.end("st1") !== undefined);
      const got = numbered(socket);
      expect(got.length).toBeGreaterThan(2);
      expect(got.map((frame) => frame.msg_seq)).toEqual(got.map((_, i) => (first.seen.at(-1)?.msg_seq ?? 0) + 1 + i));
      expect(whole.startsWith(textOf([...first.seen, ...got.slice(0, -1)]))).toBe(true);
      expect(socket.end("st1")?.flags).toEqual(["RST"]);
      expect(socket.end("st1")?.payload?.content).toMatchObject({ code: "EAGENTDOWN", processed: "maybe" });
      socket.send(syn({ stream: "st9" }));
      await w.a.clock.until(() => socket.end("st9") !== undefined);
      expect(socket.end("st9")?.flags).toEqual(["FIN"]);
      await close(w);
    },
  );

  it.each([
    ["the store knows", false],
    ["it only says nothing", true],
  ])(
    "A9.3 the owner is lost while its client is relayed (%s): 4000, and the next resume has it all",
    async (_, isTold) => {
      const w = world({}, isTold);
      const first = await dropped(w.a);
      const socket = resumed(w.b, first);
      await w.a.clock.until(() => numbered(socket).length > 2);
      w.lose();
      await w.a.clock.until(() => socket.closed !== undefined);
      expect(socket.closed?.code).toBe(4000);
      const again = await resumedAtLast(w.b, { token: tokenOf(socket), seen: [...first.seen, ...numbered(socket)] });
      await w.a.clock.until(() => again.end("st1") !== undefined);
      expect(codeOf(again.end("st1"))).toBe("EAGENTDOWN");
      await close(w);
    },
  );

  it("A9.3 an owner that is slow keeps its session: who resumes elsewhere is told to connect again, and loses nothing", async () => {
    const w = world();
    const first = await dropped(w.a);
    w.stall(true);
    const refused = resumed(w.b, first);
    await w.a.clock.until(() => refused.closed !== undefined);
    expect(refused.closed?.code).toBe(4100);
    w.stall(false);
    const socket = await resumedAtLast(w.b, first);
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    expect(textOf([...first.seen, ...numbered(socket)])).toBe(whole);
    await close(w);
  });

  it("A9.6 a router that drained leaves its finished streams to the others", async () => {
    const w = world();
    const first = await dropped(w.a);
    const drained = w.a.router.drain();
    await w.a.clock.advance(1_000);
    await drained;
    const socket = resumed(w.b, first);
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(textOf([...first.seen, ...numbered(socket)])).toBe(whole);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    await close(w);
  });

  it.each([
    ["at the router itself", (w: World) => w.a],
    ["through another router", (w: World) => w.b],
  ])("A9.6 a router that drained hands over what a reader without credit has not had, %s", async (_, readerOf) => {
    const w = world();
    const little = { messages: 4, bytes: 100_000 };
    const first = await dropped(w.a, 2, { ...syn({}), credit: little });
    const reader = resumed(readerOf(w), first);
    await w.a.clock.until(() => statesOf(reader) !== undefined);
    const drained = w.a.router.drain();
    await w.a.clock.advance(1_000);
    await drained;
    expect(reader.closed?.code).toBe(4000);
    const seen = [...first.seen, ...numbered(reader)];
    expect(seen).toHaveLength(4);
    const socket = resumed(w.b, { token: tokenOf(reader), seen });
    await w.a.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    expect(textOf([...seen, ...numbered(socket)])).toBe(whole);
    await close(w);
  });

  it("A9.3 an unknown token is a new session, a stranger's is ESEC, and a store that is away costs no more than the resume", async () => {
    const w = world({
      identity: {
        authenticate: async ({ token }) => ({ principal: { tenant: "t", subject: token ?? "", roles: [] } }),
      },
    });
    const socket = w.a.connect();
    socket.send(hello(undefined, "alice"));
    await w.a.clock.until(() => tokenOf(socket) !== "");
    const streams = [{ stream_id: "st1", last_seq: 1 }];
    const stranger = w.b.connect();
    stranger.send(hello({ resume_token: tokenOf(socket), streams }, "mallory"));
    await w.a.clock.until(() => stranger.closed !== undefined);
    expect(stranger.closed?.code).toBe(4403);
    const unknown = w.b.connect();
    unknown.send(hello({ resume_token: "nothing", streams }, "alice"));
    await w.a.clock.until(() => unknown.of("0", "error").length > 0);
    expect(codeOf(unknown.of("0", "error")[0])).toBe("ERESUME");
    await close(w);
  });
});
