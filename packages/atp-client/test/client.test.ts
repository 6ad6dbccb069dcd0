import { describe, expect, it } from "vitest";
import { AtpError, createClient, isAtpError, isAtpLocalError } from "../src/index.js";
import type { AtpClient, ClientOptions, Frame, RunEvent } from "../src/index.js";
import { bill, MemoryRouter } from "./support/memory-router.js";
import type { Script, ServedStream } from "./support/memory-router.js";
import { settle, VirtualClock } from "./support/virtual-clock.js";

interface World {
  readonly clock: VirtualClock;
  readonly router: MemoryRouter;
  readonly client: AtpClient;
}

function world(script: Script, options: Partial<ClientOptions> = {}): World {
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
  return { clock, router, client };
}

const answering: Script = {
  opened: (stream, frame) => {
    const { prompt } = frame.payload?.content as { prompt: string };
    stream.accept().partial("a", 0, "one ").partial("b", 0, "uno ").partial("a", 1, "two").finish(`re: ${prompt}`);
  },
};

/** Streams that stay open, to be driven by the test. */
function holding(): { script: Script; streams: ServedStream[] } {
  const streams: ServedStream[] = [];
  return { script: { opened: (stream) => streams.push(stream.accept()) }, streams };
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

describe("a run", () => {
  it("yields the router's events in order and ends with the final (A4.3, A5.1)", async () => {
    const { client } = world(answering);
    const events = await collect(client.stream("hi"));
    expect(
      events.map((event) => (event.type === "partial" ? `${event.adapter}${event.chunk}:${event.text}` : event.type)),
    ).toEqual(["accept", "a0:one ", "b0:uno ", "a1:two", "final"]);
  });

  it("shows its listeners the text up to their own piece, in a view that was taken before", async () => {
    const held = holding();
    const { client } = world(held.script);
    const run = client.stream("hi");
    const view = run.text;
    const seen: (string | undefined)[] = [];
    run.on("partial", () => seen.push(view.get("a")));
    await settle();
    held.streams[0]?.partial("a", 0, "one ").partial("a", 1, "two ").partial("a", 2, "three");
    await settle();
    expect(seen).toEqual(["one ", "one two ", "one two three"]);
  });

  it("keeps a view of its text live without listeners", async () => {
    const held = holding();
    const { client } = world(held.script);
    const view = client.stream("hi").text;
    await settle();
    held.streams[0]?.partial("a", 0, "one ").partial("a", 1, "two");
    await settle();
    expect(view.get("a")).toBe("one two");
  });

  it("gives the final, the bill and the texts without being read", async () => {
    const { client } = world(answering);
    const run = client.stream("hi");
    const final = await run.final();
    expect(final).toMatchObject({ ok: true, answer: "re: hi", adapter: "a", telemetry: bill });
    expect(run.usage).toEqual(bill);
    expect(Object.fromEntries(run.text)).toEqual({ a: "one two", b: "uno " });
    // Late readers find it all.
    expect((await collect(run)).at(-1)?.type).toBe("final");
  });

  it("can be iterated once", async () => {
    const { client } = world(answering);
    const run = client.stream("hi");
    await collect(run);
    expect(() => run[Symbol.asyncIterator]()).toThrow(TypeError);
  });

  it("voids earlier text when the attempt rises, and drops pieces of a voided one (A4.2)", async () => {
    const { client } = world({
      opened: (stream) => {
        stream.partial("a", 0, "wrong").partial("a", 0, "right", 1).partial("a", 1, "stale", 0).finish("right");
      },
    });
    const run = client.stream("hi");
    const texts = (await collect(run)).flatMap((event) => (event.type === "partial" ? [event.text] : []));
    expect(texts).toEqual(["wrong", "right"]);
    expect(run.text.get("a")).toBe("right");
  });

  it("goes on without its reader when a loop is left early", async () => {
    const held = holding();
    const { client } = world(held.script);
    const run = client.stream("hi");
    for await (const event of run) {
      expect(event.type).toBe("accept");
      break;
    }
    held.streams[0]?.partial("a", 0, "unread").finish("done");
    expect((await run.final()).answer).toBe("done");
    expect(run.text.get("a")).toBe("unread");
  });

  it("keeps a bounded number of events for a reader that never comes, and no text is lost", async () => {
    const held = holding();
    const { client } = world(held.script);
    const run = client.stream("hi");
    await settle();
    for (let i = 0; i < 5_000; i++) held.streams[0]?.partial(i % 2 === 0 ? "a" : "b", Math.floor(i / 2), ".");
    held.streams[0]?.finish("done");
    await run.final();
    const events = await collect(run);
    expect(events.length).toBeLessThanOrEqual(1_026);
    expect(events.at(-1)?.type).toBe("final");
    const texts = events.flatMap((event) => (event.type === "partial" && event.adapter === "a" ? [event.text] : []));
    expect(texts.join("")).toHaveLength(2_500);
  });

  it.each<[string, unknown, string]>([
    ["agent.question", { text: "which?" }, "question"],
    ["agent.log", { text: "note" }, "log"],
    ["agent.result.provisional", { answer: "maybe" }, "provisional"],
    ["agent.result.partial", { no: "adapter" }, "other"],
    ["agent.result.partial", "text", "other"],
  ])("shows %s with content %j as %s (A4)", async (type, content, expected) => {
    const { client } = world({
      opened: (stream) => {
        stream.send(type, content).finish("done");
      },
    });
    expect((await collect(client.stream("hi")))[0]?.type).toBe(expected);
  });

  it("tells the plan, windows and warnings by the stream's control frames (A5.2, A7.6, A3.6)", async () => {
    const held = holding();
    const { client } = world(held.script);
    const run = client.stream("hi");
    const heard: string[] = [];
    run.on("plan", ({ plan }) => heard.push(plan.strategy));
    run.on("warning", ({ error }) => heard.push(error.code));
    run.on("window", ({ left }) => heard.push(`left ${left?.max_tokens}`));
    await settle();
    const warning = new AtpError("EDUP", "used").toContent();
    held.streams[0]
      ?.control("control.plan", { strategy: "fanout", rungs: [] })
      .control("error", warning)
      .control("control.window_update", { number: 1, window: { max_tokens: 9 }, left: { max_tokens: 4 } })
      .finish("done");
    await run.final();
    // Of plans, states and windows only the newest waits, so they may pass other control frames.
    expect(heard.sort()).toEqual(["EDUP", "fanout", "left 4"]);
    expect(run.plan?.candidates).toEqual([]);
    expect(run.window.ceilings).toEqual({ max_tokens: 9 });
    expect(run.window.left).toEqual({ max_tokens: 4 });
  });

  it("sends what the options say, in a SYN after HELLO (A2.1, A3)", async () => {
    const { client, router } = world(answering);
    await client
      .stream(
        { messages: [{ role: "user", content: "hi" }] },
        {
          qos: "gold",
          window: { max_tokens: 50 },
          taskType: "qa",
          strategy: "fanout",
          tools: ["fs.read"],
          memory: { namespace: "default/p/s", write: "k" },
          deadlineMs: 1_000,
          idempotencyKey: "once",
          meta: { risk: "low" },
        },
      )
      .final();
    const [hello, syn] = router.last.received;
    expect(hello?.payload).toMatchObject({ type: "control.hello", content: { client: { name: "atp-client" } } });
    expect(router.protocols[0]).toEqual(["atp.v1+json"]);
    expect(syn).toMatchObject({
      session_id: "s1",
      stream_id: "st1",
      msg_seq: 1,
      flags: ["SYN"],
      qos: "gold",
      window: { max_tokens: 50 },
      meta: {
        task_type: "qa",
        strategy: "fanout",
        tool_permissions: ["fs.read"],
        memory: { namespace: "default/p/s", write: "k" },
        deadline_ms: 1_000,
        idempotency_key: "once",
        risk: "low",
      },
      payload: { type: "agent.request", content: { messages: [{ role: "user", content: "hi" }] } },
    });
  });

  it("changes its window while it runs, with rising numbers (A7.6)", async () => {
    const held = holding();
    const windows: unknown[] = [];
    const { client } = world({ ...held.script, window: (content) => windows.push(content) });
    const run = client.stream("hi", { window: { max_tokens: 1, max_parallel: 2 } });
    run.window.update({ max_tokens: 2 });
    await settle();
    run.window.update({ max_tokens: 3 });
    run.window.update({ max_parallel: 1 });
    await settle();
    expect(windows).toEqual([
      { number: 1, window: { max_tokens: 3, max_parallel: 2 } },
      { number: 2, window: { max_tokens: 3, max_parallel: 1 } },
    ]);
  });
});

describe("with the capability credit", () => {
  it("a reader that waits holds the router back, and gets every text when it reads (A8.1, A8.3)", async () => {
    const held = holding();
    const { client, router, clock } = world({ ...held.script, capabilities: ["credit"] }, { capabilities: ["credit"] });
    const run = client.stream("hi");
    const reader = run[Symbol.asyncIterator]();
    await settle();
    for (let i = 0; i < 1_000; i++) held.streams[0]?.partial("a", i, `${i};`);
    held.streams[0]?.finish("done");
    await clock.advance(2_000);
    // A run's SYN grants 512 messages: the rest waits at the router, merged.
    expect((run.text.get("a") ?? "").split(";").length - 1).toBe(512);
    const isGrant = ({ credit, flags }: Frame): boolean => credit !== undefined && flags[0] === "ACK";
    expect(router.last.received.filter(isGrant)).toEqual([]);
    let text = "";
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      if (next.value.type === "partial") text += next.value.text;
      await clock.advance(1);
    }
    expect(text).toBe(Array.from({ length: 1_000 }, (_, i) => `${i};`).join(""));
    expect((await run.final()).answer).toBe("done");
    expect(router.last.received.some(isGrant)).toBe(true);
  });

  it("a run that nobody reads takes all that comes", async () => {
    const held = holding();
    const { client, clock } = world({ ...held.script, capabilities: ["credit"] }, { capabilities: ["credit"] });
    const run = client.stream("hi");
    await settle();
    for (let i = 0; i < 500; i++) {
      held.streams[0]?.partial("a", i, ".");
      await clock.advance(1);
    }
    held.streams[0]?.finish("done");
    expect((await run.final()).answer).toBe("done");
    expect(run.text.get("a")).toHaveLength(500);
  });
});

describe("three different errors end a run", () => {
  it("a refusal is the router's AtpError, and its bill is told (A12)", async () => {
    const { client } = world({
      opened: (stream) => {
        stream.refuse(new AtpError("EBUDGET", "too small", { details: { limit_source: "stream" } }));
      },
    });
    const run = client.stream("hi");
    const error = await run.final().catch((thrown: unknown) => thrown);
    expect(isAtpError(error)).toBe(true);
    expect(isAtpLocalError(error)).toBe(false);
    expect(error).toMatchObject({ code: "EBUDGET", processed: "no", details: { limit_source: "stream" } });
    expect(run.usage).toEqual(bill);
    await expect(collect(run)).rejects.toBe(error);
  });

  it("a drop is ECUT, for each open run, and never an answer (A4.3)", async () => {
    const held = holding();
    const { client, router } = world(held.script);
    const runs = [client.stream("a"), client.stream("b")];
    await settle();
    held.streams[0]?.partial("x", 0, "half an ans");
    await settle();
    router.last.drop(1006);
    for (const run of runs) {
      const error = await run.final().catch((thrown: unknown) => thrown);
      expect(isAtpLocalError(error, "ECUT")).toBe(true);
      expect(error).toMatchObject({ closeCode: 1006, processed: "maybe" });
    }
  });

  it("a cancel is EABORT at once, the router is told, and cancel() gives the bill (A9.5)", async () => {
    const held = holding();
    const reasons: string[] = [];
    const { client } = world({
      ...held.script,
      cancelled: (stream, reason) => {
        reasons.push(reason);
        stream.refuse(new AtpError("ECANCELLED", "cancelled", { processed: "maybe" }));
      },
    });
    const run = client.stream("hi");
    await settle();
    const billed = run.cancel("enough");
    const error = await run.final().catch((thrown: unknown) => thrown);
    expect(isAtpLocalError(error, "EABORT")).toBe(true);
    expect(await billed).toEqual(bill);
    expect(reasons).toEqual(["enough"]);
    expect(run.usage).toEqual(bill);
  });

  it("an AbortSignal is a cancel; its reason is the cause", async () => {
    const held = holding();
    const { client, router } = world(held.script);
    const controller = new AbortController();
    const run = client.stream("hi", { signal: controller.signal });
    const read = collect(run);
    await settle();
    const reason = new Error("user left");
    controller.abort(reason);
    await expect(read).rejects.toMatchObject({ code: "EABORT", cause: reason, processed: "maybe" });
    await settle();
    expect(router.last.received.at(-1)).toMatchObject({ flags: ["RST"], payload: { type: "control.cancel" } });
  });

  it("a signal that is aborted already sends nothing", async () => {
    const { client, router } = world(answering);
    const run = client.stream("hi", { signal: AbortSignal.abort() });
    await expect(run.final()).rejects.toMatchObject({ code: "EABORT", processed: "no" });
    await settle();
    expect(router.connections).toHaveLength(0);
  });

  it("cancelled before it was sent, a run costs nothing and nothing is sent", async () => {
    const { client, router } = world(answering);
    const run = client.stream("hi");
    expect(await run.cancel()).toBeUndefined();
    await expect(run.final()).rejects.toMatchObject({ code: "EABORT", processed: "no" });
    await settle();
    expect(router.connections.flatMap(({ received }) => received).some(({ flags }) => flags.includes("SYN"))).toBe(
      false,
    );
  });

  it.each<[string, "FIN" | "RST", { type: string; content: unknown }]>([
    ["a FIN without an answer", "FIN", { type: "agent.result.final", content: { ok: true } }],
    ["a FIN of another type", "FIN", { type: "agent.log", content: {} }],
    ["a RST without a reason", "RST", { type: "error", content: {} }],
  ])("%s is EPEER", async (_name, flag, payload) => {
    const { client } = world({
      opened: (stream) => {
        stream.end(flag, payload);
      },
    });
    await expect(client.stream("hi").final()).rejects.toMatchObject({ code: "EPEER" });
  });

  it("rubbish from the router harms no run (A3)", async () => {
    const held = holding();
    const { client, router } = world(held.script);
    const run = client.stream("hi");
    await settle();
    router.last.raw("not json");
    router.last.raw('{"v":2}');
    held.streams[0]?.finish("done");
    expect((await run.final()).answer).toBe("done");
  });

  it("a gap in the router's numbers closes with 4102 and cuts (A5.4)", async () => {
    const held = holding();
    const { client, router } = world(held.script);
    const run = client.stream("hi");
    await settle();
    router.last.raw(
      '{"v":1,"session_id":"s1","stream_id":"st1","msg_seq":9,"flags":["MORE"],"payload":{"type":"agent.log","content":{}}}',
    );
    await expect(run.final()).rejects.toMatchObject({ code: "ECUT", closeCode: 4102 });
    expect(router.last.closedBy?.code).toBe(4102);
  });
});

describe("the end of a client", () => {
  it("close() cancels what runs, closes with 1000, and refuses what comes later", async () => {
    const held = holding();
    const { client, router } = world({
      ...held.script,
      cancelled: (stream) => {
        stream.refuse(new AtpError("ECANCELLED", "cancelled"));
      },
    });
    const run = client.stream("hi");
    await settle();
    await client.close();
    await expect(run.final()).rejects.toMatchObject({ code: "EABORT" });
    expect(router.last.closedBy?.code).toBe(1000);
    expect(client.state.name).toBe("closed");
    await expect(client.stream("late").final()).rejects.toMatchObject({ code: "EABORT", processed: "no" });
  });

  it("close() does not wait for ever for a router that does not answer", async () => {
    const held = holding();
    const { client, clock } = world(held.script);
    client.stream("hi");
    await settle();
    const closed = client.close();
    await clock.advance(1_000);
    await closed;
    expect(clock.pending()).toEqual([]);
  });

  it("leaves no timer behind (await using)", async () => {
    const { client, clock } = world(answering);
    {
      await using scoped = client;
      await scoped.stream("hi").final();
    }
    expect(clock.pending()).toEqual([]);
  });
});
