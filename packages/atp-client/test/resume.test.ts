import { describe, expect, it } from "vitest";
import { createSimulation } from "../../atp-router-core/src/testing/index.js";
import type { Simulation, SimulationConfig } from "../../atp-router-core/src/testing/index.js";
import { createClient, isAtpLocalError } from "../src/index.js";
import type { AtpClient, AtpRun, ClientOptions, RunEvent } from "../src/index.js";
import { clientClock, SimWire } from "./support/sim-wire.js";

const usage = { inTokens: 5, outTokens: 1, usdMicros: 10 };

interface World {
  readonly sim: Simulation;
  readonly wire: SimWire;
  readonly client: AtpClient;
}

/** A router whose adapter says as many words as it is asked for, one each 10 ms. */
function world(router: Partial<SimulationConfig> = {}, options: Partial<ClientOptions> = {}): World {
  const sim = createSimulation({
    adapters: [
      {
        id: "a",
        answer: ({ promptJson }) => [
          ...words(promptOf(promptJson)).map((text) => ({ afterMs: 10, text, usage })),
          { afterMs: 10, final: { confidence: 0.9 } },
        ],
      },
    ],
    ...router,
  });
  const wire = new SimWire(sim.clock, sim.router);
  const client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: wire.connect,
    clock: clientClock(sim.clock),
    random: () => 0.5,
    ...options,
  });
  return { sim, wire, client };
}

const promptOf = (json: string): string => (JSON.parse(json) as { prompt: string }).prompt;

/** `n words of x` as a prompt. */
function words(prompt: string): string[] {
  const [n, , , name] = prompt.split(" ");
  return Array.from({ length: Number(n) }, (_, i) => `${name}${i};`);
}

interface Told {
  readonly run: AtpRun;
  readonly events: RunEvent[];
  readonly ends: (string | Error)[];
}

/** Reads a run to its end. */
function follow(run: AtpRun): Told {
  const told: Told = { run, events: [], ends: [] };
  void (async () => {
    try {
      for await (const event of run) told.events.push(event);
      told.ends.push("final");
    } catch (error) {
      told.ends.push(error as Error);
    }
  })();
  return told;
}

const textOf = ({ events }: Told): string =>
  events.flatMap((event) => (event.type === "partial" ? [event.text] : [])).join("");
const typesOf = ({ events }: Told): string[] => events.map(({ type }) => type);

async function until(sim: Simulation, done: () => boolean): Promise<void> {
  await sim.clock.until(done, 400_000);
}

/** Three streams with a cut after the k-th frame on the wire; 0 is none. */
async function cutAfter(k: number): Promise<{ frames: number; welcomedAt: number; told: Told[]; calls: number }> {
  const { sim, wire, client } = world();
  let frames = 0;
  let welcomedAt = 0;
  wire.delivered = (count, to, text) => {
    frames = count;
    if (to === "client" && welcomedAt === 0 && text.includes("control.welcome")) welcomedAt = count;
    if (count === k) wire.sockets.at(-1)?.cut();
  };
  const prompts = ["4 words of x", "5 words of y", "3 words of z"];
  const told = prompts.map((prompt) => follow(client.stream(prompt, { strategy: "single" })));
  await until(sim, () => told.every(({ ends }) => ends.length > 0));
  // Time in which a second end, or a second answer, would show.
  await sim.clock.advance(5_000);
  const calls = sim.adapters.get("a")?.calls.length ?? 0;
  await client.close();
  await sim.router.close();
  return { frames, welcomedAt, told, calls };
}

describe("a cut at every frame", () => {
  it("A5.4 A9.2 loses nothing, repeats nothing, keeps the order, and ends each stream once", async () => {
    const whole = await cutAfter(0);
    expect(whole.frames).toBeGreaterThan(20);
    for (let k = 1; k <= whole.frames; k++) {
      const { welcomedAt, told, calls } = await cutAfter(k);
      for (const each of told) {
        const at = `cut after frame ${k}`;
        expect(each.ends, at).toHaveLength(1);
        const [end] = each.ends;
        // Without a token nobody can resume: a cut before the welcome leaves nothing but ECUT, or a SYN that never left.
        if (end !== "final") {
          expect(welcomedAt === 0 || welcomedAt > k, at).toBe(true);
          expect(isAtpLocalError(end, "ECUT"), at).toBe(true);
          continue;
        }
        const prompt = words(["4 words of x", "5 words of y", "3 words of z"][told.indexOf(each)] ?? "");
        expect(textOf(each), at).toBe(prompt.join(""));
        const chunks = each.events.flatMap((event) => (event.type === "partial" ? [event.chunk] : []));
        expect(chunks, at).toEqual([...new Set(chunks)].sort((a, b) => a - b));
        expect(
          typesOf(each).filter((type) => type === "accept" || type === "final"),
          at,
        ).toEqual(["accept", "final"]);
        expect((await each.run.final()).answer, at).toBe(prompt.join(""));
      }
      if (welcomedAt > 0 && k >= welcomedAt) expect(calls, `calls with a cut after frame ${k}`).toBe(3);
    }
  });
});

describe("after a drop", () => {
  it("the client resumes by itself: `resumed`, then the rest, and the state says what it does", async () => {
    const { sim, wire, client } = world();
    const states: string[] = [];
    client.on("state", ({ name }) => states.push(name));
    const told = follow(client.stream("10 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut();
    expect(states.at(-1)).toBe("waiting");
    await until(sim, () => told.ends.length > 0);
    expect(told.ends).toEqual(["final"]);
    expect(textOf(told)).toBe(words("10 words of x").join(""));
    expect(told.events.find(({ type }) => type === "resumed")).toEqual({ type: "resumed", state: "finished" });
    expect(states).toEqual(["connecting", "open", "idle", "waiting", "connecting", "open"]);
    await client.close();
    await sim.router.close();
  });

  it("A9.2-5 an end is acknowledged, so that the router need not keep it", async () => {
    const { sim, wire, client } = world();
    const acks: number[] = [];
    wire.delivered = (_count, to, text) => {
      const { flags, ack } = JSON.parse(text) as { flags: string[]; ack?: number };
      if (to === "router" && flags.includes("ACK") && ack !== undefined) acks.push(ack);
    };
    const told = follow(client.stream("4 words of x"));
    await until(sim, () => told.ends.length > 0);
    await sim.clock.advance(20);
    // SYN 1, four pieces, and the end.
    expect(acks.at(-1)).toBe(6);
    await client.close();
    await sim.router.close();
  });

  it("A9.2-18 pieces that were evicted show as a `gap`, and what follows voids the text before", async () => {
    const { sim, wire, client } = world({ limits: { retention_bytes: 1_500 } });
    const told = follow(client.stream("200 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.router = null;
    wire.sockets[0]?.cut();
    await sim.clock.advance(1_000);
    wire.router = sim.router;
    await until(sim, () => told.ends.length > 0);
    expect(typesOf(told)).toContain("gap");
    const attempts = told.events.flatMap((event) => (event.type === "partial" ? [event.attempt] : []));
    expect(new Set(attempts)).toEqual(new Set([0, 1]));
    expect(told.run.text.get("a")).toBe(words("200 words of x").join(""));
    await client.close();
    await sim.router.close();
  });

  it("a cancel said while the connection is away reaches the router, and brings the bill", async () => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut();
    const bill = told.run.cancel("enough");
    let tokens: number | undefined;
    void bill.then((telemetry) => (tokens = telemetry?.tokens));
    await until(sim, () => tokens !== undefined);
    expect(tokens).toBeGreaterThan(0);
    expect(sim.adapters.get("a")?.cancels).toHaveLength(1);
    expect(sim.router.view().streams).toBe(0);
    await client.close();
    await sim.router.close();
  });

  it("A7.6-4 a window set while the connection is away holds after it", async () => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("100 words of x", { window: { max_tokens: 5_000 } }));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut();
    const windows: unknown[] = [];
    wire.delivered = (_count, to, text) => {
      if (to === "router" && text.includes("window_update")) windows.push(JSON.parse(text));
    };
    told.run.window.update({ max_tokens: 7_000 });
    await until(sim, () => told.ends.length > 0);
    expect(windows).toMatchObject([{ payload: { content: { number: 1, window: { max_tokens: 7_000 } } } }]);
    await client.close();
    await sim.router.close();
  });

  it("new runs wait for the resume and go on the same connection", async () => {
    const { sim, wire, client } = world();
    const first = follow(client.stream("50 words of x"));
    await until(sim, () => textOf(first).includes("x3;"));
    wire.sockets[0]?.cut();
    const second = follow(client.stream("3 words of y"));
    await until(sim, () => first.ends.length + second.ends.length === 2);
    expect([...first.ends, ...second.ends]).toEqual(["final", "final"]);
    expect(wire.sockets).toHaveLength(2);
    await client.close();
    await sim.router.close();
  });

  it("A9.2-4 nobody comes back in time: ECUT, as late as the router forgets it", async () => {
    const { sim, wire, client } = world({ limits: { retention_ms: 20_000 } });
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.router = null;
    wire.sockets[0]?.cut();
    await sim.clock.advance(19_000);
    expect(told.ends).toEqual([]);
    expect(wire.sockets.length).toBeGreaterThan(3);
    await sim.clock.advance(2_000);
    expect(told.ends).toMatchObject([{ code: "ECUT", processed: "maybe" }]);
    const dials = wire.sockets.length;
    await sim.clock.advance(60_000);
    expect(wire.sockets).toHaveLength(dials);
    await client.close();
    await sim.router.close();
  });

  it("A9.3-11 a router that does not know the session any more: ECUT for what ran, and the next run works", async () => {
    const { sim, wire, client } = world();
    const other = world();
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.router = other.sim.router;
    wire.sockets[0]?.cut();
    const pump = async (done: () => boolean): Promise<void> => {
      for (let i = 0; i < 10_000 && !done(); i++) {
        await sim.clock.advance(1);
        await other.sim.clock.advance(1);
      }
    };
    await pump(() => told.ends.length > 0);
    expect(told.ends).toMatchObject([{ code: "ECUT", processed: "maybe" }]);
    const next = follow(client.stream("3 words of y"));
    await pump(() => next.ends.length > 0);
    expect(next.ends).toEqual(["final"]);
    await client.close();
    await sim.router.close();
    await other.sim.router.close();
  });

  it("A9.2-13 a SYN that was lost on the way is sent again under its id, and runs once", async () => {
    const { sim, wire, client } = world();
    const first = follow(client.stream("50 words of x"));
    await until(sim, () => textOf(first).includes("x3;"));
    const second = follow(client.stream("3 words of y"));
    // It is on its way, and never comes.
    wire.sockets[0]?.cut();
    await until(sim, () => first.ends.length + second.ends.length === 2);
    expect(second.ends).toEqual(["final"]);
    expect(second.run.text.get("a")).toBe("y0;y1;y2;");
    expect(sim.adapters.get("a")?.calls).toHaveLength(2);
    await client.close();
    await sim.router.close();
  });

  it("A9.1-5 a half-open socket is found by silence, and the run goes on from where it was", async () => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.halfOpen("router");
    await until(sim, () => told.ends.length > 0);
    expect(told.ends).toEqual(["final"]);
    expect(textOf(told)).toBe(words("100 words of x").join(""));
    expect(sim.clock.now()).toBeLessThan(50_000);
    await client.close();
    await sim.router.close();
  });

  it("a sign of life of the page or the network ends the waiting", async () => {
    let wake: () => void = () => undefined;
    const { sim, wire, client } = world(
      {},
      { wake: (fn) => ((wake = fn), () => undefined), retry: { baseMs: 60_000, maxMs: 60_000 } },
    );
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut();
    await sim.clock.advance(1_000);
    expect(wire.sockets).toHaveLength(1);
    wake();
    await sim.clock.advance(20);
    expect(wire.sockets).toHaveLength(2);
    expect(client.state.name).toBe("open");
    await until(sim, () => told.ends.length > 0);
    expect(told.ends).toEqual(["final"]);
    await client.close();
    await sim.router.close();
  });
});

describe("close codes", () => {
  it.each([
    { code: 1006, band: "with backoff", withinMs: 125 },
    { code: 1012, band: "with backoff", withinMs: 125 },
    { code: 4000, band: "now, jittered over 1 s", withinMs: 500 },
    { code: 4102, band: "with backoff", withinMs: 125 },
    { code: 4500, band: "with backoff", withinMs: 125 },
  ])("A12-9 A12-10 after $code it resumes $band", async ({ code, withinMs }) => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut(code);
    await sim.clock.advance(withinMs - 1);
    expect(wire.sockets).toHaveLength(1);
    await sim.clock.advance(1);
    expect(wire.sockets).toHaveLength(2);
    await until(sim, () => told.ends.length > 0);
    expect(told.ends).toEqual(["final"]);
    await client.close();
    await sim.router.close();
  });

  it.each([4200, 4400, 4403, 4409, 1002])("A12-9 after %i it does not: the run is cut", async (code) => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.sockets[0]?.cut(code);
    await sim.clock.advance(100_000);
    expect(told.ends).toMatchObject([{ code: "ECUT", closeCode: code }]);
    expect(wire.sockets).toHaveLength(1);
    await client.close();
    await sim.router.close();
  });

  it("a router that takes the client and closes again at once is not stormed", async () => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("1000 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.delivered = (_count, to, text) => {
      if (to === "client" && text.includes("control.resumed")) wire.sockets.at(-1)?.cut(4100);
    };
    wire.sockets[0]?.cut();
    await sim.clock.advance(30_000);
    expect(wire.sockets.length).toBeLessThan(15);
    expect(told.ends).toEqual([]);
    const closed = client.close();
    await sim.clock.advance(2_000);
    await closed;
    await sim.router.close();
  });
});

describe("a drain", () => {
  it("A9.6-6 with resume_url the session moves: the new socket opens before the old one closes", async () => {
    const { sim, wire, client } = world({}, { resumeHosts: ["b.test"] });
    const told = follow(client.stream("100 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    const status = { state: "DRAINING", drain_ms: 10_000, resume_url: "ws://b.test/ws" };
    const order: string[] = [];
    const goaway: unknown[] = [];
    client.on("goaway", (event) => goaway.push(event));
    wire.delivered = (_count, _to, text) => {
      if (text.includes("control.hello")) order.push(`hello, older whole: ${wire.sockets[0]?.whole}`);
    };
    wire.inject(0, { payload: { type: "control.status", content: status } });
    await until(sim, () => told.ends.length > 0);
    expect(wire.urls).toEqual(["ws://router.test/ws", "ws://b.test/ws"]);
    expect(wire.sockets[0]?.whole).toBe(false);
    expect(order).toEqual(["hello, older whole: true"]);
    expect(goaway).toEqual([{ drainMs: 10_000, resumeUrl: "ws://b.test/ws" }]);
    expect(told.ends).toEqual(["final"]);
    expect(textOf(told)).toBe(words("100 words of x").join(""));
    await client.close();
    await sim.router.close();
  });

  it.each([
    { url: "ws://elsewhere.test/ws", why: "another host" },
    { url: "http://router.test/ws", why: "another scheme" },
    { url: "no address", why: "no address" },
  ])("A9.3-13 $why is not followed", async ({ url }) => {
    const { sim, wire, client } = world();
    const told = follow(client.stream("20 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    const status = { state: "DRAINING", drain_ms: 10_000, resume_url: url };
    wire.inject(0, { payload: { type: "control.status", content: status } });
    await until(sim, () => told.ends.length > 0);
    expect(wire.urls).toEqual(["ws://router.test/ws"]);
    expect(told.ends).toEqual(["final"]);
    await client.close();
    await sim.router.close();
  });

  it("A9.6-3 without one, what runs ends there and what is new goes on a new connection", async () => {
    const { sim, wire, client } = world();
    const other = world();
    const told = follow(client.stream("50 words of x"));
    await until(sim, () => textOf(told).includes("x3;"));
    wire.router = null;
    void sim.router.drain();
    await until(sim, () => told.ends.length > 0);
    expect(told.ends).toEqual(["final"]);
    await client.close();
    await other.sim.router.close();
  });
});
