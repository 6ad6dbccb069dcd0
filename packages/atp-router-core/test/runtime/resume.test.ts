import type { Frame, HelloContent, WelcomeContent } from "atp-protocol";
import { AtpError } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, Simulation, SimulationConfig } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };

/** An adapter that says a word every 10 ms. */
function talker(words: readonly string[], more: Partial<AdapterScript> = {}): AdapterScript {
  return {
    id: "a",
    answer: [...words.map((text) => ({ afterMs: 10, text, usage })), { afterMs: 10, final: { confidence: 0.9 } }],
    ...more,
  };
}

const words = (n: number): string[] => Array.from({ length: n }, (_, i) => `${i};`);
const simulate = (over: Partial<SimulationConfig> = {}): Simulation =>
  createSimulation({ adapters: [talker(words(20))], ...over });

type Resume = HelloContent["resume"];

function hello(resume?: Resume, capabilities: readonly string[] = ["resume"], token?: string): Frame {
  const content = {
    client: { name: "t", version: "1" },
    capabilities,
    ...(resume === undefined ? {} : { resume }),
    ...(token === undefined ? {} : { token }),
  };
  const payload = { type: "control.hello", content };
  return { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
}

const ack = (n: number): Frame => ({ v: 1, session_id: "s1", stream_id: "st1", msg_seq: 1, flags: ["ACK"], ack: n });
const heartbeat: Frame = { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["HB"] };
const welcomeOf = (socket: MemorySocket): WelcomeContent | undefined =>
  socket.of("0", "control.welcome")[0]?.payload?.content as WelcomeContent | undefined;
const resumedOf = (socket: MemorySocket): { streams: readonly { state: string; next_seq: number }[] } | undefined =>
  socket.of("0", "control.resumed")[0]?.payload?.content as never;
const numbered = (socket: MemorySocket): Frame[] =>
  socket.frames.filter(
    ({ stream_id, flags }) => stream_id === "st1" && !flags.includes("CTRL") && !flags.includes("ACK"),
  );
const textOf = (frames: readonly Frame[]): string =>
  frames.map((frame) => (frame.payload?.content as { text?: string }).text ?? "").join("");
const codeOf = (frame: Frame | undefined): unknown => (frame?.payload?.content as { code?: unknown } | undefined)?.code;

/** A client that asked, read `pieces` pieces, and lost its socket. */
async function dropped(sim: Simulation, pieces: number, frame = syn({})): Promise<{ token: string; lastSeq: number }> {
  const socket = sim.connect();
  socket.send(hello());
  socket.send(frame);
  await sim.clock.until(() => socket.of("st1", "agent.result.partial").length >= pieces);
  socket.drop();
  await sim.clock.advance(0);
  return { token: welcomeOf(socket)?.resume_token ?? "", lastSeq: Math.max(1, numbered(socket).at(-1)?.msg_seq ?? 1) };
}

const cursor = (lastSeq: number, stream_id = "st1"): { stream_id: string; last_seq: number }[] => [
  { stream_id, last_seq: lastSeq },
];

describe("resume", () => {
  it("A2.2-5 A9.3-1 announces resume, credit and fragments, with a token of at least 128 bits", async () => {
    const sim = simulate();
    const [rich, poor] = [sim.connect(), sim.connect()];
    rich.send(hello());
    poor.send(hello(undefined, []));
    await sim.clock.until(() => welcomeOf(rich) !== undefined && welcomeOf(poor) !== undefined);
    expect(welcomeOf(rich)?.capabilities).toEqual(["resume", "credit", "fragments"]);
    expect(welcomeOf(rich)?.resume_token).toMatch(/^[0-9a-f]{64}$/);
    expect(welcomeOf(poor)).not.toHaveProperty("resume_token");
    await sim.router.close();
  });

  it("A9.2-1 A9.2-17 a dropped stream runs on, and the missing suffix follows, exactly once and in order", async () => {
    const sim = simulate();
    const { token, lastSeq } = await dropped(sim, 3);
    await sim.clock.advance(50);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.end("st1") !== undefined);
    expect(next.frames.slice(0, 2).map((frame) => frame.payload?.type)).toEqual(["control.welcome", "control.resumed"]);
    expect(resumedOf(next)?.streams).toMatchObject([
      { stream_id: "st1", state: "live", next_seq: lastSeq + 1, ack: 1 },
    ]);
    expect(numbered(next).map((frame) => frame.msg_seq)).toEqual(
      Array.from({ length: 22 - lastSeq }, (_, i) => lastSeq + 1 + i),
    );
    expect(textOf(numbered(next))).toBe(words(20).slice(3).join(""));
    expect(sim.adapters.get("a")?.calls).toHaveLength(1);
    await sim.router.close();
  });

  it("A9.2 a stream that ended meanwhile answers `finished`, with its end and its bill", async () => {
    const sim = simulate();
    const { token, lastSeq } = await dropped(sim, 3);
    await sim.clock.advance(1_000);
    expect(sim.router.view().streams).toBe(0);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.end("st1") !== undefined);
    expect(resumedOf(next)?.streams).toMatchObject([{ state: "finished" }]);
    expect(next.end("st1")?.telemetry?.tokens).toBeGreaterThan(0);
    await sim.router.close();
  });

  it("A9.2-18 A9.2-19 after a gap each slot is told anew under the next attempt, and goes on with it", async () => {
    const sim = simulate({ adapters: [talker(words(20))], limits: { retention_bytes: 600 } });
    const { token, lastSeq } = await dropped(sim, 2);
    await sim.clock.advance(100);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.end("st1") !== undefined);
    const [entry] = resumedOf(next)?.streams ?? [];
    expect(entry?.state).toBe("gap");
    const messages = numbered(next);
    expect(messages[0]?.msg_seq).toBe(entry?.next_seq);
    const contents = messages.slice(0, -1).map((frame) => frame.payload?.content);
    expect(contents[0]).toMatchObject({ adapter: "a", chunk: 0, attempt: 1 });
    expect(contents[1]).toMatchObject({ adapter: "a", chunk: 1, attempt: 1 });
    expect(textOf(messages.slice(0, -1))).toBe(words(20).join(""));
    await sim.router.close();
  });

  it.each([
    { lane: "bronze" as const, meta: {}, ends: true },
    { lane: "gold" as const, meta: {}, ends: false },
    { lane: "silver" as const, meta: { on_disconnect: "cancel" }, ends: true },
    { lane: "bronze" as const, meta: { on_disconnect: "continue" }, ends: false },
  ])("A9.2-1 a drop of $lane with $meta ends it: $ends", async ({ lane, meta, ends }) => {
    const sim = simulate();
    await dropped(sim, 1, syn({ qos: lane, meta }));
    expect(sim.router.view().streams).toBe(ends ? 0 : 1);
    expect(sim.adapters.get("a")?.cancels).toHaveLength(ends ? 1 : 0);
    await sim.router.close();
  });

  it("A9.2-4 retention_ms after the drop open streams are cancelled and settled, and the token is unknown", async () => {
    const stalling = talker([], { answer: [{ text: "x", usage }, { stall: true }] });
    const sim = simulate({ adapters: [stalling], limits: { retention_ms: 5_000 } });
    const { token } = await dropped(sim, 1);
    await sim.clock.advance(4_900);
    expect(sim.router.view().streams).toBe(1);
    await sim.clock.advance(200);
    expect(sim.router.view().streams).toBe(0);
    expect(sim.adapters.get("a")?.cancels).toHaveLength(1);
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    expect(tenants["default"]?.posted.tokens).toBeGreaterThan(0);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: cursor(2) }));
    await sim.clock.until(() => next.of("0", "error").length > 0);
    // A9.3-11: welcome, a new session, then ERESUME; the socket stays and takes streams.
    expect(codeOf(next.of("0", "error")[0])).toBe("ERESUME");
    expect(next.closed).toBeUndefined();
    await sim.router.close();
  });

  it("A9.2-13 a SYN that never came is `gone` with processed no, and may be sent under its id", async () => {
    const sim = simulate();
    const { token, lastSeq } = await dropped(sim, 1);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: [...cursor(lastSeq), ...cursor(1, "st2")] }));
    await sim.clock.until(() => resumedOf(next) !== undefined);
    expect(resumedOf(next)?.streams[1]).toMatchObject({ stream_id: "st2", state: "gone", processed: "no" });
    next.send(syn({ stream: "st2" }));
    await sim.clock.until(() => next.end("st2") !== undefined);
    expect(next.end("st2")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it("A2.3-5 the newest attachment wins: the older socket is closed with 4409, and nothing is cancelled", async () => {
    const sim = simulate();
    const older = sim.connect();
    older.send(hello());
    older.send(syn({ qos: "bronze" }));
    await sim.clock.until(() => older.of("st1", "agent.result.partial").length >= 2);
    const next = sim.connect();
    const lastSeq = numbered(older).at(-1)?.msg_seq ?? 0;
    next.send(hello({ resume_token: welcomeOf(older)?.resume_token ?? "", streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.end("st1") !== undefined);
    expect(older.closed?.code).toBe(4409);
    expect(older.end("st1")).toBeUndefined();
    expect(textOf(numbered(older)) + textOf(numbered(next))).toBe(words(20).join(""));
    // What the older socket still says is nobody's.
    older.send(syn({ stream: "late" }));
    await sim.clock.advance(10);
    expect(next.of("late", "control.accept")).toHaveLength(0);
    await sim.router.close();
  });

  it("A2.3-4 another principal's token is refused with ESEC, and the session is untouched", async () => {
    const identity = {
      authenticate: async ({ token }: { readonly token?: string }) => {
        if (token === undefined) throw new AtpError("EAUTH", "no token");
        return { principal: { tenant: "acme", subject: token, roles: [] } };
      },
    };
    const sim = simulate({ identity });
    const alice = sim.connect({ credentials: { token: "alice" } });
    alice.send(hello());
    alice.send(syn({}));
    await sim.clock.until(() => alice.of("st1", "agent.result.partial").length >= 2);
    const stolen = { resume_token: welcomeOf(alice)?.resume_token ?? "", streams: cursor(1) };
    const mallory = sim.connect();
    mallory.send(hello(stolen, ["resume"], "mallory"));
    await sim.clock.until(() => mallory.closed !== undefined);
    expect(codeOf(mallory.of("0", "error")[0])).toBe("ESEC");
    expect(mallory.closed?.code).toBe(4403);
    await sim.clock.until(() => alice.end("st1") !== undefined);
    expect(alice.closed).toBeUndefined();
    await sim.router.close();
  });

  it("A9.3-4 A9.3-5 A9.3-6 tokens rotate with each welcome; two are valid until the newest is confirmed", async () => {
    const sim = simulate({ adapters: [talker(words(2_000))] });
    const tokens: string[] = [];
    const attach = async (token: string, confirmed: boolean): Promise<string | undefined> => {
      const socket = sim.connect();
      socket.send(hello({ resume_token: token, streams: cursor(1) }));
      await sim.clock.until(() => resumedOf(socket) !== undefined || socket.of("0", "error").length > 0);
      const welcome = welcomeOf(socket);
      if (welcome?.resume_token !== undefined) tokens.push(welcome.resume_token);
      if (confirmed) socket.send({ ...ack(0), stream_id: "0" });
      await sim.clock.advance(5);
      socket.drop();
      await sim.clock.advance(0);
      return resumedOf(socket) === undefined ? "unknown" : "resumed";
    };
    const { token: first } = await dropped(sim, 1);
    expect(await attach(first, false)).toBe("resumed");
    expect(await attach(first, false), "the last shown, again").toBe("resumed");
    expect(await attach(tokens[0] ?? "", false), "issued between the two").toBe("unknown");
    expect(await attach(tokens[1] ?? "", true), "the newest").toBe("resumed");
    expect(await attach(tokens[1] ?? "", false), "confirmed away").toBe("unknown");
    expect(new Set(tokens).size).toBe(tokens.length);
    await sim.router.close();
  });

  it("A9.3-2 keeps tokens as hashes only", async () => {
    const hashed: string[] = [];
    const hash = async (text: string): Promise<string> => {
      hashed.push(text);
      return `hash of ${hashed.length}`;
    };
    const sim = simulate({ hash });
    const { token, lastSeq } = await dropped(sim, 1);
    expect(hashed).toEqual([token]);
    const next = sim.connect();
    // By its hash, which is another one here, the session is not found: the token itself is kept nowhere.
    next.send(hello({ resume_token: token, streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.of("0", "error").length > 0);
    expect(codeOf(next.of("0", "error")[0])).toBe("ERESUME");
    await sim.router.close();
  });

  it("A8.1 without grants a stream stops at its credit; A8.3-4 after 30 s its call runs on into the buffer", async () => {
    const sim = simulate({ adapters: [talker(words(400))] });
    const socket = sim.connect();
    socket.send(hello(undefined, ["resume", "credit"]));
    socket.send({ ...syn({}), credit: { messages: 4, bytes: 100_000 } });
    await sim.clock.advance(20_000);
    expect(numbered(socket)).toHaveLength(4);
    expect(sim.router.view().streams).toBe(1);
    for (let i = 0; i < 4; i++) {
      socket.send(heartbeat);
      await sim.clock.advance(10_000);
    }
    expect(sim.router.view().streams).toBe(0);
    expect(numbered(socket)).toHaveLength(4);
    socket.send({ ...ack(5), credit: { messages: 1_000, bytes: 10_000_000 } });
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(textOf(numbered(socket).slice(0, -1))).toBe(words(400).join(""));
    await sim.router.close();
  });

  it("A9.2-2 a stream that waits for credit runs on once its reader is gone", async () => {
    const sim = simulate({ adapters: [talker(words(400))] });
    const socket = sim.connect();
    socket.send(hello(undefined, ["resume", "credit"]));
    socket.send({ ...syn({}), credit: { messages: 4, bytes: 100_000 } });
    await sim.clock.advance(10_000);
    expect(sim.router.view().streams).toBe(1);
    socket.drop();
    await sim.clock.advance(10_000);
    expect(sim.router.view().streams).toBe(0);
    await sim.router.close();
  });

  it("A6 an answer over a frame comes in fragments to a client that can join them", async () => {
    const long = "x".repeat(700_000);
    const sim = simulate({ adapters: [talker([], { answer: [{ final: { answer: long } }] })] });
    const socket = sim.connect();
    socket.send(hello(undefined, ["fragments"]));
    socket.send(syn({}));
    await sim.clock.until(() => socket.of("st1", "atp.fragment").at(-1)?.flags.length === 0);
    const parts = socket.of("st1", "atp.fragment").map((frame) => frame.payload?.content as { data: string });
    expect(parts.length).toBeGreaterThan(2);
    const joined = JSON.parse(parts.map(({ data }) => data).join("")) as { content: { answer: string } };
    expect(joined.content.answer).toBe(long);
    await sim.router.close();
  });
});

describe("memory", () => {
  it("A8.4-3 a SYN beyond the memory budget is EOVERLOAD, and one that fits later is taken", async () => {
    const sim = simulate({ limits: { memoryBudgetBytes: 3 * 131_072 } });
    const socket = sim.connect();
    for (let i = 1; i <= 4; i++) socket.send(syn({ stream: `st${i}` }));
    await sim.clock.until(() => [1, 2, 3, 4].every((i) => socket.end(`st${i}`) !== undefined));
    const ends = [1, 2, 3, 4].map((i) => codeOf(socket.end(`st${i}`)) ?? "FIN");
    expect(ends.filter((end) => end === "EOVERLOAD").length).toBeGreaterThanOrEqual(1);
    expect(ends.filter((end) => end === "FIN").length).toBeGreaterThanOrEqual(2);
    socket.send(syn({ stream: "st5" }));
    await sim.clock.until(() => socket.end("st5") !== undefined);
    expect(socket.end("st5")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it("A8.4-4 detached sessions give their buffers up first, and answer `gap`", async () => {
    const big = Array.from({ length: 20 }, () => "x".repeat(10_000));
    const slow = { ...talker([]), answer: [...big.map((text) => ({ text, usage })), { stall: true as const }] };
    const sim = simulate({ adapters: [slow], limits: { memoryBudgetBytes: 3 * 131_072 } });
    const { token, lastSeq } = await dropped(sim, 1);
    await sim.clock.advance(10);
    const other = sim.connect();
    other.send(syn({ stream: "st2" }));
    await sim.clock.until(() => other.of("st2", "control.accept").length > 0);
    const next = sim.connect();
    next.send(hello({ resume_token: token, streams: cursor(lastSeq) }));
    await sim.clock.until(() => next.of("st1", "agent.result.partial").length > 0);
    expect(resumedOf(next)?.streams).toMatchObject([{ state: "gap" }]);
    expect(textOf(numbered(next))).toHaveLength(200_000);
    await sim.router.close();
  });
});
