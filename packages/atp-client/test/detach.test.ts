import { afterEach, describe, expect, it } from "vitest";
import { AtpChatTransport } from "../src/ai/index.js";
import { createClient } from "../src/index.js";
import type { AtpClient, RunRef } from "../src/index.js";
import { clientClock } from "./support/sim-wire.js";
import { simClient, talker } from "./support/sim-client.js";
import type { SimClient } from "./support/sim-client.js";

let world: SimClient;
afterEach(() => world.close());

const words = Array.from({ length: 40 }, (_, i) => `w${i} `);

/** Another tab: the same router and nothing else in common. */
function otherTab(): AtpClient {
  const { wire, sim } = world;
  return createClient({
    url: "ws://router.test/ws",
    socket: wire.connect,
    clock: clientClock(sim.clock),
    random: () => 0.5,
  });
}

describe("a run that is detached and taken up elsewhere (A9.2)", () => {
  it("goes on at the router and is told whole in another tab, with one bill", async () => {
    world = simClient([talker("a", words)]);
    const run = world.client.stream("hi", { strategy: "single" });
    const failed = run.final().catch((error: unknown) => error);
    await world.sim.clock.until(() => (run.text.get("a") ?? "").length > 20);
    const ref = await world.passing(run.detach());
    expect(await failed).toMatchObject({ name: "AtpCancelError", code: "EDETACHED" });
    const other = otherTab();
    const taken = other.attach(JSON.parse(JSON.stringify(ref)) as RunRef);
    const { answer } = await world.passing(taken.final());
    expect(answer).toBe(words.join(""));
    expect(taken.text.get("a")).toBe(words.join(""));
    expect(world.sim.adapters.get("a")?.calls).toHaveLength(1);
    // The first client goes on as before.
    expect((await world.passing(world.client.stream("again", { strategy: "single" }).final())).ok).toBe(true);
    await world.passing(other.close());
  });

  it("outlives the client that let it go, and a lost connection of the one that took it up", async () => {
    world = simClient([talker("a", words)]);
    const run = world.client.stream("hi", { strategy: "single" });
    await world.sim.clock.until(() => (run.text.get("a") ?? "").length > 20);
    const ref = (await world.passing(run.detach())) as RunRef;
    await world.passing(world.client.close());
    const taken = otherTab().attach(ref);
    await world.sim.clock.until(() => (taken.text.get("a") ?? "").length > 60);
    world.wire.sockets.at(-1)?.cut();
    expect((await world.passing(taken.final())).answer).toBe(words.join(""));
    expect(taken.text.get("a")).toBe(words.join(""));
  });

  it("waits for the router's accept when it is asked at once, and ends in nothing when the run ended first", async () => {
    world = simClient([talker("a", ["all"])]);
    const quick = world.client.stream("hi", { strategy: "single" });
    const ref = await world.passing(quick.detach());
    expect(ref).toMatchObject({ v: 1, stream_id: quick.streamId });
    const done = world.client.stream("hi", { strategy: "single" });
    await world.passing(done.final());
    expect(await done.detach()).toBeUndefined();
  });

  it("a reference that the router does not know is ERESUME, and what is none is a TypeError", async () => {
    world = simClient([talker("a", words)]);
    const ref: RunRef = { v: 1, session_id: "s-x", stream_id: "st1", resume_token: "unknown" };
    const failed = world.client
      .attach(ref)
      .final()
      .catch((error: unknown) => error);
    expect(await world.passing(failed)).toMatchObject({ name: "AtpError", code: "ERESUME" });
    expect(() => world.client.attach({ v: 2 } as unknown as RunRef)).toThrow(TypeError);
  });

  it("a chat of the ai package is resumed from its beginning", async () => {
    world = simClient([talker("a", words)]);
    const transport = new AtpChatTransport({ client: world.client, options: { strategy: "single" } });
    const asked = { trigger: "submit-message", chatId: "c", messageId: undefined, abortSignal: undefined } as const;
    const parts = [{ type: "text", text: "hi" } as const];
    const first = await transport.sendMessages({ ...asked, messages: [{ id: "1", role: "user", parts }] });
    const reader = first.getReader();
    const cut = (async () => {
      const types: string[] = [];
      for (let next = await reader.read(); !next.done; next = await reader.read()) types.push(next.value.type);
      return types;
    })();
    await world.sim.clock.until(() => (world.sim.adapters.get("a")?.running ?? 0) === 1);
    expect(await world.passing(transport.detach("c"))).toBe(true);
    expect((await world.passing(cut)).at(-1)).toBe("abort");
    const again = await transport.reconnectToStream({ chatId: "c" });
    let text = "";
    const read = (async () => {
      for await (const chunk of again as unknown as AsyncIterable<{ type: string; delta?: string }>)
        if (chunk.type === "text-delta") text += chunk.delta ?? "";
    })();
    await world.passing(read);
    expect(text).toBe(words.join(""));
  });
});

describe("feedback (A5.3)", () => {
  it("goes out after the answer, and not before or without one", async () => {
    world = simClient([talker("a", words)]);
    const sent: string[] = [];
    world.wire.sent = (text) => {
      if (text.includes("agent.feedback")) sent.push(text);
    };
    const run = world.client.stream("hi", { strategy: "single" });
    expect(run.feedback({ rating: 1 })).toBe(false);
    await world.passing(run.final());
    expect(run.feedback({ rating: 0.5 })).toBe(true);
    await world.sim.clock.advance(100);
    expect(sent.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      { stream_id: run.streamId, flags: [], payload: { type: "agent.feedback", content: { rating: 0.5 } } },
    ]);
    expect((await world.passing(world.client.stream("again").final())).ok).toBe(true);
  });
});

describe("what was not sent is given back", () => {
  it("each unsent run has its request: on close, and past the bound of the queue", async () => {
    world = simClient([talker("a", words)], { maxQueuedBytes: 300 });
    world.wire.router = null;
    const first = world.client.stream("first");
    const second = world.client.stream("x".repeat(300));
    await expect(second.final()).rejects.toMatchObject({ name: "AtpDropError", code: "EQUEUE", processed: "no" });
    expect(second.unsent).toMatchObject({ prompt: "x".repeat(300) });
    const unsent = await world.passing(world.client.close());
    expect(unsent).toEqual([first]);
    expect(first.unsent).toEqual({ prompt: "first" });
    await expect(first.final()).rejects.toMatchObject({ name: "AtpCancelError", code: "EABORT" });
  });
});

describe("a cancel of a run whose reader stands still", () => {
  it("brings its bill: what waits unread takes no credit any more (A8.1)", async () => {
    world = simClient([
      talker(
        "a",
        Array.from({ length: 400 }, (_, i) => `${i} `.repeat(200)),
      ),
    ]);
    const run = world.client.stream("hi", { strategy: "single" });
    const reader = run[Symbol.asyncIterator]();
    await world.passing(reader.next());
    await world.sim.clock.advance(10_000);
    const bill = await world.passing(run.cancel());
    expect(bill?.usd).toBeGreaterThan(0);
  });
});
