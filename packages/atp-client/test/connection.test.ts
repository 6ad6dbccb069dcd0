import { AtpError } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { createClient } from "../src/index.js";
import type { AtpClient, ClientOptions, FrameEvent } from "../src/index.js";
import { MemoryRouter } from "./support/memory-router.js";
import type { Script } from "./support/memory-router.js";
import { settle, VirtualClock } from "./support/virtual-clock.js";

const answering: Script = {
  opened: (stream) => {
    stream.accept().finish("done");
  },
};

function world(
  script: Script,
  options: Partial<ClientOptions> = {},
): { clock: VirtualClock; router: MemoryRouter; client: AtpClient; states: string[] } {
  const clock = new VirtualClock();
  const router = new MemoryRouter(clock, script);
  const client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: router.socket,
    clock,
    random: () => 0.5,
    ...options,
  });
  const states: string[] = [];
  client.on("state", (state) => states.push(state.name === "waiting" ? `waiting ${state.delayMs}` : state.name));
  return { clock, router, client, states };
}

describe("the connection", () => {
  it("is made at the first stream and shared by all", async () => {
    const { client, router, states } = world(answering);
    await settle();
    expect(router.connections).toHaveLength(0);
    await Promise.all([client.stream("a").final(), client.stream("b").final()]);
    await client.stream("c").final();
    expect(router.connections).toHaveLength(1);
    expect(states).toEqual(["connecting", "open"]);
  });

  it("sends SYNs behind HELLO without waiting for the welcome (A2.1)", async () => {
    const { client, router } = world({ ...answering, hello: () => undefined });
    void client.stream("a");
    await settle();
    expect(router.last.received.map((frame) => frame.payload?.type)).toEqual(["control.hello", "agent.request"]);
  });

  it("keeps a large request until a router that wants a token knows who asks (A2.3)", async () => {
    const order: string[] = [];
    const { client, clock } = world(
      {
        hello: () => {
          order.push("hello");
          return undefined;
        },
        opened: (stream) => {
          order.push("syn");
          stream.finish("done");
        },
      },
      { token: "t" },
    );
    client.on("welcome", () => order.push("welcome"));
    await client.stream("x".repeat(20_000)).final();
    expect(order).toEqual(["hello", "welcome", "syn"]);
    expect(clock.now()).toBe(0);
  });

  it("is made anew after a loss by the next stream, no sooner than the jittered delay", async () => {
    const { client, router, clock, states } = world(answering);
    await client.stream("a").final();
    router.last.drop(1006);
    await settle();
    expect(router.connections).toHaveLength(1);
    const run = client.stream("b");
    expect(states.at(-1)).toBe("waiting 125");
    await clock.advance(124);
    expect(router.connections).toHaveLength(1);
    await clock.advance(1);
    expect((await run.final()).answer).toBe("done");
    expect(router.connections).toHaveLength(2);
  });

  it("backs off with full jitter and doubles, and a welcome resets it", async () => {
    const { client, router, clock, states } = world(answering);
    router.dials = ["refuse", "refuse", "refuse"];
    const run = client.stream("a");
    for (let i = 0; i < 3; i++) await clock.advance(2_000);
    await run.final();
    expect(states).toEqual([
      "connecting",
      "idle",
      "waiting 125",
      "connecting",
      "idle",
      "waiting 250",
      "connecting",
      "idle",
      "waiting 500",
      "connecting",
      "open",
    ]);
    router.last.drop();
    void client.stream("b");
    expect(states.at(-1)).toBe("waiting 125");
  });

  it.each([
    [0, [0, 0, 0, 0, 0, 0, 0]],
    [0.999, [249, 499, 999, 1_998, 3_996, 7_992, 9_990]],
  ])("jitters over the whole delay: a draw of %f waits %j, up to maxMs", async (draw, expected) => {
    const { client, router, clock } = world(answering, { random: () => draw, retry: { attempts: 9 } });
    const delays: number[] = [];
    client.on("state", (state) => {
      if (state.name === "waiting") delays.push(Math.floor(state.delayMs));
    });
    router.dials = Array.from({ length: 7 }, () => "refuse" as const);
    const run = client.stream("a");
    for (let i = 0; i < 8; i++) await clock.advance(10_000);
    expect((await run.final()).answer).toBe("done");
    // Without a delay there is nothing to wait for, and nothing is told.
    expect(delays).toEqual(expected.filter((delayMs) => delayMs > 0));
  });

  it("asks the token function again for each attempt, and shows the newest", async () => {
    let issued = 0;
    const shown: (string | undefined)[] = [];
    const script: Script = {
      ...answering,
      hello: ({ token }) => {
        shown.push(token);
        return undefined;
      },
    };
    const { client, router, clock } = world(script, { token: () => Promise.resolve(`t${++issued}`) });
    router.dials = ["refuse", "refuse"];
    const run = client.stream("a");
    for (let i = 0; i < 3; i++) await clock.advance(2_000);
    await run.final();
    expect([issued, shown]).toEqual([3, ["t3"]]);
    router.last.drop();
    const next = client.stream("b");
    await clock.advance(2_000);
    await next.final();
    expect(shown).toEqual(["t3", "t4"]);
  });

  it("a token function that throws is asked again, and at last the request is given back", async () => {
    let asked = 0;
    let isBack = false;
    const { client, clock } = world(answering, {
      token: () => {
        asked++;
        if (!isBack) throw new Error("no network");
        return "t";
      },
      retry: { attempts: 4 },
    });
    const run = client.stream("a");
    const failed = run.final().catch((error: unknown) => error);
    for (let i = 0; i < 4; i++) await clock.advance(2_000);
    expect(await failed).toMatchObject({ code: "ECONNECT", processed: "no", cause: { message: "no network" } });
    expect(run.unsent).toMatchObject({ prompt: "a" });
    expect(asked).toBe(4);
    const next = client.stream("b");
    while (asked < 6) await clock.advance(50);
    isBack = true;
    await clock.advance(5_000);
    expect((await next.final()).answer).toBe("done");
  });

  it("gives back what was not sent after the last attempt: ECONNECT, nothing spent", async () => {
    const { client, router, clock } = world(answering, { retry: { attempts: 2 } });
    router.dials = ["refuse", "refuse"];
    const run = client.stream("a");
    await clock.advance(10_000);
    await expect(run.final()).rejects.toMatchObject({ code: "ECONNECT", processed: "no" });
    expect(run.unsent).toMatchObject({ prompt: "a" });
    // The next one is a new series.
    const next = client.stream("b");
    await clock.advance(10_000);
    expect((await next.final()).answer).toBe("done");
  });

  it("gives a dial that hangs a deadline", async () => {
    const { client, router, clock } = world(answering, { connectTimeoutMs: 500 });
    router.dials = ["hang"];
    const run = client.stream("a");
    await clock.advance(499);
    expect(router.connections).toHaveLength(0);
    await clock.advance(1_000);
    expect((await run.final()).answer).toBe("done");
  });

  it.each<[number, "EAUTH" | "ESEC" | "EPROTO"]>([
    [4401, "EAUTH"],
    [4403, "ESEC"],
    [4400, "EPROTO"],
  ])(
    "a HELLO refused with %i is told to the waiting run as a refusal, %s, and is not repeated (A2.3)",
    async (closeCode, code) => {
      const { client, router } = world(
        { hello: () => ({ error: new AtpError(code, "no").toContent(), closeCode }) },
        { token: () => "t" },
      );
      await expect(client.stream("a").final()).rejects.toMatchObject({ name: "AtpError", code });
      expect(router.connections).toHaveLength(1);
    },
  );

  it("asks the token function again, once, when the token has expired (4301)", async () => {
    const tokens: (string | undefined)[] = [];
    let issued = 0;
    const script: Script = {
      ...answering,
      hello: ({ token }) => {
        tokens.push(token);
        return token === "t2" ? undefined : { error: new AtpError("EAUTH", "expired").toContent(), closeCode: 4301 };
      },
    };
    const { client } = world(script, { token: () => Promise.resolve(`t${++issued}`) });
    expect((await client.stream("a").final()).answer).toBe("done");
    expect(tokens).toEqual(["t1", "t2"]);
    const stale = world(script, { token: () => "old" });
    await expect(stale.client.stream("a").final()).rejects.toMatchObject({ code: "EAUTH" });
    expect(stale.router.connections).toHaveLength(2);
  });

  it("answers the router's wish for a fresh token in the connection (A2.3)", async () => {
    let issued = 0;
    const { client, router } = world(answering, { token: () => `t${++issued}` });
    await client.stream("a").final();
    router.last.step({
      t: "stream.control",
      stream: null,
      payload: { type: "control.auth", content: { deadline_ms: 1_000 } },
    });
    await settle();
    await settle();
    expect(router.last.received.at(-1)?.payload).toEqual({ type: "control.auth", content: { token: "t2" } });
  });

  it("goes elsewhere when the router drains, and what runs there ends there (A9.6)", async () => {
    const held: { finish(answer: string): void }[] = [];
    const { client, router } = world({ opened: (stream) => held.push(stream.accept()) });
    const told: unknown[] = [];
    client.on("goaway", (event) => told.push(event)).on("status", ({ state }) => told.push(state));
    const first = client.stream("a");
    await settle();
    router.last.step({ t: "drain" });
    await settle();
    expect(told).toEqual(["DRAINING", { drainMs: expect.any(Number) as number, resumeUrl: undefined }]);
    const second = client.stream("b");
    await settle();
    expect(router.connections).toHaveLength(2);
    held[0]?.finish("old");
    held[1]?.finish("new");
    expect([(await first.final()).answer, (await second.final()).answer]).toEqual(["old", "new"]);
  });

  it("finds the run of a frame that the router refused unparsed, by its size (A3.4)", async () => {
    const { client } = world(answering);
    const small = client.stream("small");
    const large = client.stream("x".repeat(300_000));
    await expect(large.final()).rejects.toMatchObject({ name: "AtpError", code: "ETOOBIG" });
    expect((await small.final()).answer).toBe("done");
  });

  it("shows frames to inspectors with tokens masked, both ways (A9.3)", async () => {
    const { client } = world(answering, { token: "secret-token" });
    const frames: FrameEvent[] = [];
    client.on("frame", (event) => frames.push(event));
    await client.stream("a").final();
    expect(frames.map(({ direction, frame }) => `${direction} ${frame.payload?.type}`)).toEqual([
      "out control.hello",
      "out agent.request",
      "in control.welcome",
      "in control.accept",
      "in agent.result.final",
    ]);
    expect(JSON.stringify(frames)).not.toContain("secret-token");
    expect(JSON.stringify(frames)).toContain("***");
  });

  it("survives a listener that throws", async () => {
    const { client } = world(answering);
    const thrown = new Promise((resolve) => {
      const others = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (error) => {
        for (const other of others) process.on("uncaughtException", other);
        resolve(error.message);
      });
    });
    const run = client.stream("a");
    run.on("accept", () => {
      throw new Error("listener");
    });
    expect((await run.final()).answer).toBe("done");
    expect(await thrown).toBe("listener");
  });

  it.each([
    ["http://127.0.0.1/ws", /ws: nor wss:/],
    ["router", /no address/],
    ["wss://user:pw@router.test/ws", /token/],
  ])("refuses the address %s", (url, message) => {
    expect(() => createClient({ url })).toThrow(message);
  });

  it("refuses a session id that the wire cannot carry (A3)", () => {
    expect(() => createClient({ url: "ws://router.test/ws", sessionId: "a/b" })).toThrow(TypeError);
  });
});
