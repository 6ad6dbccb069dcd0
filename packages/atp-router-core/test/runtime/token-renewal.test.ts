import { AtpError } from "atp-protocol";
import type { Frame } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation } from "../../src/testing/index.js";

const adapters = [
  {
    id: "a",
    answer: [
      { afterMs: 10, text: "x" },
      { afterMs: 200_000, final: {} },
    ],
  },
];

/** Tokens are `subject:lifetime in ms`; `old` has expired. */
function simulate(): Simulation {
  return createSimulation((clock) => ({
    adapters,
    identity: {
      async authenticate({ token }) {
        if (token === "old") throw new AtpError("EAUTH", "The token has expired.", { details: { expired: true } });
        const [subject, lifeMs] = (token ?? "").split(":");
        if (subject === undefined || subject === "") throw new AtpError("EAUTH", "A token is needed.");
        return {
          principal: { tenant: "t", subject, roles: [] },
          ...(lifeMs === undefined ? {} : { expiresAt: clock.wall() + Number(lifeMs) }),
        };
      },
    },
  }));
}

const control = (content: unknown, type = "control.auth"): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: "0",
  msg_seq: 1,
  flags: ["CTRL"],
  payload: { type, content },
});
const hello = (token?: string): Frame =>
  control(
    { client: { name: "t", version: "1" }, capabilities: ["resume"], ...(token === undefined ? {} : { token }) },
    "control.hello",
  );
const auths = (socket: MemorySocket): unknown[] => socket.of("0", "control.auth").map((f) => f.payload?.content);
const errors = (socket: MemorySocket): unknown[] =>
  socket.of("0", "error").map((f) => (f.payload?.content as { code: string }).code);

async function known(sim: Simulation, token: string): Promise<MemorySocket> {
  const socket = sim.connect();
  socket.send(hello(token));
  await sim.clock.until(() => socket.of("0", "control.welcome").length > 0);
  return socket;
}

describe("token renewal", () => {
  it("A2.3-10 A2.3-12 A2.3-15 asks in time, takes the next token, and closes with 4301 when none comes", async () => {
    const sim = simulate();
    const socket = await known(sim, "alice:600000");
    for (let i = 0; i < 18; i++) {
      await sim.clock.advance(29_900);
      socket.send({ ...control({}), flags: ["HB"], payload: undefined });
    }
    expect(auths(socket)).toEqual([]);
    await sim.clock.advance(2_000);
    expect(auths(socket)).toEqual([{ deadline_ms: 60_000 }]);
    socket.send(control({ token: "alice:10000" }));
    await sim.clock.advance(0);
    expect(auths(socket).at(-1)).toEqual({ expires_in_ms: 10_000 });
    await sim.clock.advance(5_000);
    expect(auths(socket).at(-1)).toEqual({ deadline_ms: 5_000 });
    await sim.clock.advance(5_000);
    expect(errors(socket)).toEqual(["EAUTH"]);
    expect(socket.closed?.code).toBe(4301);
    await sim.router.close();
  });

  it("A2.3-13 A2.3-14 a bad token and another principal's are refused, and the session stays until the deadline", async () => {
    const sim = simulate();
    const socket = await known(sim, "alice:10000");
    socket.send(control({ token: "old" }));
    socket.send(control({ token: "mallory:10000" }));
    await sim.clock.advance(9_000);
    expect(errors(socket)).toEqual(["EAUTH", "EAUTH"]);
    expect(socket.closed).toBeUndefined();
    await sim.clock.advance(1_000);
    expect(socket.closed?.code).toBe(4301);
    await sim.router.close();
  });

  it("A2.3-11 a client may renew when nobody asked, also where tokens do not expire", async () => {
    const sim = createSimulation({ adapters });
    const socket = await known(sim, "any");
    socket.send(control({ token: "other" }));
    await sim.clock.advance(0);
    expect(auths(socket)).toEqual([{ expires_in_ms: Number.MAX_SAFE_INTEGER }]);
    await sim.router.close();
  });

  it.each([
    ["A2.3-6 none", undefined, undefined, 4401],
    ["A2.3-7 an expired one", "old", undefined, 4301],
    ["A2.3-8 two principals in header and HELLO", "alice", "bob", 4403],
  ])("%s closes the socket", async (_, token, header, code) => {
    const sim = simulate();
    const socket = sim.connect(header === undefined ? {} : { credentials: { token: header } });
    socket.send(hello(token));
    await sim.clock.until(() => socket.closed !== undefined);
    expect(socket.closed?.code).toBe(code);
    await sim.router.close();
  });

  it("A2.3-9 until the client is known, frames over 16 KiB are refused unread", async () => {
    const sim = simulate();
    const socket = sim.connect();
    socket.send(syn({ prompt: "x".repeat(17_000) }));
    await sim.clock.advance(0);
    expect(errors(socket)).toEqual(["ETOOBIG"]);
    const late = await known(sim, "alice");
    late.send(syn({ prompt: "x".repeat(17_000) }));
    await sim.clock.until(() => late.of("st1", "control.accept").length > 0);
    await sim.router.close();
  });

  it("A2.3-16 a naive socket is not asked: after expiry its new SYNs get EAUTH, open streams run to their end", async () => {
    const sim = simulate();
    const socket = sim.connect({ credentials: { token: "alice:10000" } });
    socket.send(syn({}));
    await sim.clock.advance(20_000);
    expect(auths(socket)).toEqual([]);
    socket.send(syn({ stream: "st2" }));
    await sim.clock.until(() => socket.end("st2") !== undefined);
    expect(socket.end("st2")?.payload?.content).toMatchObject({ code: "EAUTH", processed: "no" });
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });
});
