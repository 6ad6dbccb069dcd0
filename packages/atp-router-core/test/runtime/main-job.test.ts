import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 10, usdMicros: 50 };

/** An adapter that answers in two pieces and cites nothing. */
function talker(id: string, text: string, more: Partial<AdapterScript> = {}): AdapterScript {
  return {
    id,
    answer: [
      { afterMs: 5, text: text.slice(0, 3), usage },
      { afterMs: 5, text: text.slice(3) },
      { afterMs: 1, final: { confidence: 0.9 } },
    ],
    ...more,
  };
}

const seedSyn = {
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 1,
  frag_seq: 0,
  flags: ["SYN"],
  qos: "gold",
  ttl: 8,
  window: { max_parallel: 4, max_tokens: 50000, max_usd_micros: 1000000 },
  meta: { task_type: "qa", tool_permissions: [], data_scope: ["no_secrets"] },
  payload: { type: "agent.result.partial", content: { prompt: "hello" } },
};

function ended(socket: MemorySocket, stream = "st1"): () => boolean {
  return () => socket.end(stream) !== undefined;
}

function error(frame: Frame | undefined): {
  code: string;
  details?: Record<string, unknown>;
  processed: string;
  message: string;
} {
  expect(frame?.flags).toContain("RST");
  return frame?.payload?.content as never;
}

describe("the main job on virtual time", () => {
  it("A5.1 A4.3 A11: the seed's SYN gets an accept, numbered partials, and a FIN with its bill", async () => {
    const sim = createSimulation({ adapters: [talker("persona_adapter", "forty-two")] });
    const socket = sim.connect({ subprotocol: "" });
    socket.send(seedSyn);
    await sim.clock.until(ended(socket));
    const [accept, ...rest] = socket.frames;
    expect(accept?.flags).toEqual(["SYN", "ACK"]);
    expect(accept?.payload?.type).toBe("control.accept");
    expect(rest.map((f) => f.msg_seq)).toEqual([2, 3, 4]);
    expect(rest.map((f) => f.flags)).toEqual([["MORE"], ["MORE"], ["FIN"]]);
    expect(rest[0]?.payload).toMatchObject({
      type: "agent.result.partial",
      content: { adapter: "persona_adapter", chunk: 0, text: "for" },
    });
    const fin = rest[2];
    expect(fin?.payload).toMatchObject({
      type: "agent.result.final",
      content: { ok: true, answer: "forty-two", adapter: "persona_adapter" },
    });
    expect(fin?.telemetry).toMatchObject({ tokens: 15, usd: 50, in_tokens: 5, out_tokens: 10 });
    expect(fin?.ttl).toBe(7);
    await sim.router.close();
  });

  it("A11: the totals are the sums of the entries and what the windows were debited", async () => {
    const sim = createSimulation({ adapters: [talker("a", "yes"), talker("b", "yes"), talker("c", "no")] });
    const socket = sim.connect();
    socket.send(syn({ meta: { strategy: "fanout" } }));
    await sim.clock.until(ended(socket));
    const t = socket.end("st1")?.telemetry;
    const sum = (pick: "in_tokens" | "out_tokens" | "usd"): number =>
      (t?.adapters ?? []).reduce((n, a) => n + a[pick], 0);
    expect(t?.adapters).toHaveLength(3);
    expect(t?.tokens).toBe(sum("in_tokens") + sum("out_tokens"));
    expect(t?.usd).toBe(sum("usd"));
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.posted).toEqual({ parallel: 0, tokens: t?.tokens, usd_micros: t?.usd });
    expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    await sim.router.close();
  });

  it("A2.4: equal ids on two sockets share nothing", async () => {
    const sim = createSimulation({ adapters: [talker("a", "one answer")] });
    const [x, y] = [sim.connect(), sim.connect()];
    x.send(seedSyn);
    y.send(seedSyn);
    await sim.clock.until(() => ended(x)() && ended(y)());
    expect(x.end("st1")?.flags).toEqual(["FIN"]);
    expect(y.end("st1")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it.each<{ name: string; frame: unknown; code: string; check?: (e: ReturnType<typeof error>) => void }>([
    { name: "A3.7 a SYN with ttl 0", frame: { ...seedSyn, ttl: 0 }, code: "ETTL" },
    {
      name: "a tool that policy forbids, with the policy's reason",
      frame: { ...seedSyn, meta: { ...seedSyn.meta, tool_permissions: ["shell.exec"] } },
      code: "EPOLICY",
      check: (e) => expect(JSON.stringify(e.details?.["reasons"])).toContain("shell.exec"),
    },
    {
      name: "A7.7 a window too small for any adapter",
      frame: { ...seedSyn, window: { max_parallel: 1, max_tokens: 5, max_usd_micros: 10 } },
      code: "EBUDGET",
      check: (e) => {
        expect(e.details).toHaveProperty("limit_source");
        expect(e.details).toHaveProperty("remedy");
        expect(e.processed).toBe("no");
      },
    },
    {
      name: "A3 another tenant's memory",
      frame: { ...seedSyn, meta: { memory: { namespace: "acme/x/y", read: ["k"] } } },
      code: "ESEC",
    },
    {
      name: "A4.1 a request without prompt or messages",
      frame: { ...seedSyn, payload: { type: "agent.request", content: {} } },
      code: "EPROTO",
    },
    { name: "A3 a member of meta with the wrong type", frame: { ...seedSyn, meta: { task_type: 7 } }, code: "EPROTO" },
  ])("refuses $name, and spends nothing", async ({ frame, code, check }) => {
    const sim = createSimulation({ adapters: [talker("a", "never")] });
    const socket = sim.connect();
    socket.send(frame);
    await sim.clock.until(ended(socket));
    const content = error(socket.end("st1"));
    expect(content.code).toBe(code);
    expect(content.message.length).toBeGreaterThan(10);
    check?.(content);
    expect(sim.adapters.get("a")?.calls).toHaveLength(0);
    expect(socket.end("st1")?.telemetry).toMatchObject({ tokens: 0, usd: 0 });
    // The socket and its other streams go on.
    socket.send({ ...seedSyn, stream_id: "st2" });
    await sim.clock.until(ended(socket, "st2"));
    expect(socket.end("st2")?.flags).toEqual(["FIN"]);
    await sim.router.close();
  });

  it("EAGENTDOWN when no adapter can be reached, with each one named", async () => {
    const sim = createSimulation({
      adapters: [{ id: "gone", estimate: { fail: { sent: false } }, health: { fail: {} }, answer: [] }],
    });
    const socket = sim.connect();
    socket.send(seedSyn);
    await sim.clock.until(ended(socket));
    const content = error(socket.end("st1"));
    expect(content.code).toBe("EAGENTDOWN");
    expect(JSON.stringify(content.details)).toContain("gone");
    await sim.router.close();
  });

  it("an adapter that dies mid-answer is named, and the others' answer is delivered", async () => {
    const dying = talker("dying", "half", {
      answer: [{ text: "ha", usage }, { fail: { kind: "internal", message: "lost its model" } }],
    });
    const sim = createSimulation({ adapters: [dying, talker("steady", "whole")] });
    const socket = sim.connect();
    socket.send(syn({ meta: { strategy: "fanout" } }));
    await sim.clock.until(ended(socket));
    const fin = socket.end("st1");
    expect(fin?.payload?.content).toMatchObject({ answer: "whole", adapter: "steady" });
    expect(fin?.telemetry?.adapters?.find((a) => a.name === "dying")).toMatchObject({
      outcome: "failed",
      error: { message: "lost its model" },
    });
    await sim.router.close();
  });

  it("A9.5: a cancel reaches the adapter, is settled and answered by RST with its bill", async () => {
    const sim = createSimulation({
      adapters: [talker("slow", "", { answer: [{ text: "so", usage }, { stall: true }] })],
    });
    const socket = sim.connect();
    socket.send(seedSyn);
    await sim.clock.until(() => socket.of("st1", "agent.result.partial").length === 1);
    socket.send({
      v: 1,
      session_id: "s1",
      stream_id: "st1",
      msg_seq: 2,
      flags: ["RST"],
      payload: { type: "control.cancel", content: { reason: "enough" } },
    });
    await sim.clock.until(ended(socket));
    expect(error(socket.end("st1")).code).toBe("ECANCELLED");
    expect(sim.adapters.get("slow")?.cancels).toHaveLength(1);
    // A7.4: settled at what was seen and what may be on its way, never at zero.
    expect(socket.end("st1")?.telemetry?.tokens).toBeGreaterThanOrEqual(15);
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.posted.tokens).toBe(socket.end("st1")?.telemetry?.tokens);
    await sim.router.close();
  });

  it("a lost connection cancels its streams, and everything is settled", async () => {
    const sim = createSimulation({
      adapters: [talker("slow", "", { answer: [{ text: "so", usage }, { stall: true }] })],
    });
    const socket = sim.connect();
    socket.send(seedSyn);
    await sim.clock.until(() => socket.of("st1", "agent.result.partial").length === 1);
    socket.drop();
    await sim.clock.until(() => sim.router.view().streams === 0);
    expect(sim.adapters.get("slow")?.cancels).toHaveLength(1);
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    await sim.router.close();
  });

  it("ETIMEOUT at the client's deadline", async () => {
    const sim = createSimulation({ adapters: [talker("slow", "", { answer: [{ stall: true }] })] });
    const socket = sim.connect();
    socket.send(syn({ meta: { deadline_ms: 200 } }));
    await sim.clock.until(ended(socket));
    expect(sim.clock.now()).toBeLessThan(300);
    expect(error(socket.end("st1")).code).toBe("ETIMEOUT");
    await sim.router.close();
  });

  it("cascade asks the cheap one first and escalates on low confidence", async () => {
    const cheap = talker("cheap", "maybe", {
      estimate: { usdMicros: 10 },
      answer: [{ text: "maybe" }, { final: { confidence: 0.2 } }],
    });
    const dear = talker("dear", "surely", {
      estimate: { usdMicros: 1000 },
      answer: [{ text: "surely" }, { final: { confidence: 0.95 } }],
    });
    const sim = createSimulation({ adapters: [dear, cheap] });
    const socket = sim.connect();
    socket.send(syn({ meta: { strategy: "cascade" } }));
    await sim.clock.until(ended(socket));
    expect(socket.end("st1")?.payload?.content).toMatchObject({ answer: "surely" });
    expect(socket.end("st1")?.telemetry?.escalations).toBe(1);
    const partials = socket
      .of("st1", "agent.result.partial")
      .map((f) => (f.payload?.content as { adapter: string }).adapter);
    expect(partials).toEqual(["cheap", "dear"]);
    await sim.router.close();
  });

  it("single falls over to the next adapter when the first is unavailable", async () => {
    const broken = talker("a-broken", "", {
      estimate: { usdMicros: 1 },
      answer: [{ fail: { kind: "unavailable", sent: true } }],
    });
    const sim = createSimulation({ adapters: [broken, talker("b", "answer")] });
    const socket = sim.connect();
    socket.send(syn({ meta: { strategy: "single" } }));
    await sim.clock.until(ended(socket));
    expect(socket.end("st1")?.payload?.content).toMatchObject({ answer: "answer" });
    await sim.router.close();
  });

  it("A7.1: calls beyond the session's parallel ceiling wait for it, and none is lost", async () => {
    const sim = createSimulation({
      adapters: [talker("a", "answer")],
      lease: { max_parallel: 2, max_tokens: 1_000_000, max_usd_micros: 1_000_000 },
    });
    const socket = sim.connect();
    for (let i = 0; i < 10; i++) socket.send({ ...seedSyn, stream_id: `n${i}` });
    let most = 0;
    await sim.clock.until(() => {
      most = Math.max(most, sim.adapters.get("a")?.running ?? 0);
      return Array.from({ length: 10 }, (_, i) => ended(socket, `n${i}`)()).every(Boolean);
    });
    expect(most).toBe(2);
    expect(Array.from({ length: 10 }, (_, i) => socket.end(`n${i}`)?.flags[0])).toEqual(Array(10).fill("FIN"));
    await sim.router.close();
  });

  it("A8.2: a slow reader pauses its adapter and loses nothing", async () => {
    const big = "x".repeat(8_000);
    const pieces = 200;
    const sim = createSimulation({
      adapters: [
        talker("flood", "", {
          answer: [...Array.from({ length: pieces }, () => ({ text: big })), { final: { answer: "done" } }],
        }),
      ],
    });
    const socket = sim.connect();
    socket.stall(true);
    socket.send(syn({}));
    await sim.clock.advance(5_000);
    expect(sim.adapters.get("flood")?.running).toBe(1);
    socket.stall(false);
    await sim.clock.until(ended(socket));
    const text = socket
      .of("st1", "agent.result.partial")
      .map((f) => (f.payload?.content as { text: string }).text)
      .join("");
    expect(text.length).toBe(pieces * big.length);
    expect(
      socket.frames.filter((f) => f.flags.includes("MORE") || f.flags.includes("FIN")).map((f) => f.msg_seq),
    ).toEqual(Array.from({ length: socket.of("st1", "agent.result.partial").length + 1 }, (_, i) => i + 2));
    await sim.router.close();
  });

  it("B.7: the clip in prompt_json is what the hold covers, and fits the client's own ceiling", async () => {
    const sim = createSimulation({
      adapters: [talker("a", "answer", { estimate: { inTokens: 10, outTokens: 20, p95Tokens: 60 } })],
    });
    const socket = sim.connect();
    socket.send(syn({ content: { prompt: "hi", max_output_tokens: 30 } }));
    await sim.clock.until(ended(socket));
    const call = sim.adapters.get("a")?.calls[0];
    expect(JSON.parse(call?.promptJson ?? "")).toEqual({ prompt: "hi", max_output_tokens: 30 });
    expect(call?.maxOutputTokens).toBe(30);
    await sim.router.close();
  });

  it("B.7, B.5: what adapters are told of the origin is the router's own, and differs by call", async () => {
    const sim = createSimulation({ adapters: [talker("a", "x"), talker("b", "x")] });
    const sockets = [sim.connect(), sim.connect()];
    for (const socket of sockets) {
      socket.send(syn({ session: "secret-session", stream: "secret-stream", meta: { strategy: "fanout" } }));
      await sim.clock.until(ended(socket, "secret-stream"));
    }
    const calls = [...sim.adapters.values()].flatMap((adapter) => adapter.calls);
    expect(new Set(calls.map(({ callId }) => callId)).size).toBe(4);
    // One name a session, and none of the client's own.
    expect(new Set(calls.map(({ session }) => session)).size).toBe(2);
    for (const { callId, session } of calls) expect(`${callId} ${session}`).not.toMatch(/secret/);
    await sim.router.close();
  });

  it("control.plan tells policy, estimates and rungs to clients that said HELLO, and only to them (A2.4)", async () => {
    const sim = createSimulation({ adapters: [talker("a", "answer")] });
    const socket = sim.connect();
    socket.send({
      v: 1,
      session_id: "s1",
      stream_id: "0",
      msg_seq: 1,
      flags: ["CTRL"],
      payload: { type: "control.hello", content: { client: { name: "t", version: "1" }, capabilities: [] } },
    });
    socket.send(syn({}));
    await sim.clock.until(ended(socket));
    expect(socket.frames[0]?.payload?.type).toBe("control.welcome");
    const [plan] = socket.of("st1", "control.plan");
    expect(plan?.flags).toEqual(["CTRL"]);
    expect(plan?.payload?.content).toMatchObject({
      policy: { allow: true },
      candidates: [{ adapter: "a", estimate: { in_tokens: 10 } }],
      rungs: [[{ adapter: "a" }]],
    });
    const naive = sim.connect();
    naive.send(seedSyn);
    await sim.clock.until(ended(naive));
    expect(naive.of("st1", "control.plan")).toHaveLength(0);
    await sim.router.close();
  });

  it("explain tells the plan and the holds, and spends nothing", async () => {
    const sim = createSimulation({ adapters: [talker("a", "answer")] });
    const asked = sim.router.explain(
      { payload: { type: "agent.request", content: { prompt: "hi" } }, meta: { strategy: "fanout" } },
      {},
    );
    await sim.clock.advance(50);
    expect(await asked).toMatchObject({
      strategy: "fanout",
      rungs: [[{ adapter: "a", hold: { tokens: expect.any(Number) } }]],
    });
    expect(sim.adapters.get("a")?.calls).toHaveLength(0);
    expect(sim.router.view().streams).toBe(0);
    const denied = sim.router.explain(
      { payload: { type: "agent.request", content: { prompt: "hi" } }, meta: { tool_permissions: ["rm"] } },
      {},
    );
    await sim.clock.advance(50);
    expect(await denied).toMatchObject({ error: { code: "EPOLICY" } });
    await sim.router.close();
  });

  it("A9.6: a drain lets open streams finish, refuses new ones, and closes with 4000", async () => {
    const sim = createSimulation({
      adapters: [
        talker("a", "answer", { answer: [{ text: "a" }, { afterMs: 500, final: { answer: "late but whole" } }] }),
      ],
    });
    const socket = sim.connect();
    socket.send(seedSyn);
    await sim.clock.advance(50);
    const drained = sim.router.drain();
    socket.send({ ...seedSyn, stream_id: "st2" });
    await sim.clock.until(ended(socket));
    await sim.clock.advance(100);
    await drained;
    expect(socket.end("st1")?.payload?.content).toMatchObject({ answer: "late but whole" });
    expect(error(socket.end("st2")).code).toBe("EDRAINING");
    expect(socket.closed?.code).toBe(4000);
  });
});
