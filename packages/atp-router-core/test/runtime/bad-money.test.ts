import { describe, expect, it } from "vitest";
import type { AcceptContent, ErrorContent, Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, Simulation } from "../../src/testing/index.js";

const usage = { inTokens: 10, outTokens: 20, usdMicros: 100 };
const fair: AdapterScript = {
  id: "fair",
  estimate: usage,
  answer: [
    { afterMs: 5, text: "fair", usage },
    { afterMs: 500, final: {} },
  ],
};

function world(...adapters: readonly AdapterScript[]): { readonly sim: Simulation; readonly socket: MemorySocket } {
  const sim = createSimulation({ adapters: adapters.length > 0 ? adapters : [fair] });
  return { sim, socket: sim.connect() };
}

const errorOf = (frame: Frame | undefined): ErrorContent => frame?.payload?.content as ErrorContent;

async function ended(sim: Simulation, socket: MemorySocket, stream = "st1"): Promise<Frame> {
  await sim.clock.until(() => socket.end(stream) !== undefined);
  const { tenants } = await sim.router.budgets();
  expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
  return socket.end(stream) as Frame;
}

describe("a window that is none (A7)", () => {
  it.each<[string, object, string]>([
    ["negative", { max_tokens: -1 }, "EPROTO"],
    ["fractional", { max_tokens: 10.5 }, "EPROTO"],
    ["beyond exact integers", { max_usd_micros: 2 ** 53 }, "EPROTO"],
    ["text", { max_tokens: "100" }, "EPROTO"],
    ["of nothing", { max_usd_micros: 0 }, "EBUDGET"],
    ["too small for any answer", { max_tokens: 3 }, "EBUDGET"],
  ])("%s is refused, and the socket's other streams go on", async (_, window, code) => {
    const { sim, socket } = world();
    socket.send(syn({ stream: "other" }));
    socket.send({ ...syn({}), window });
    await sim.clock.until(() => socket.end("other") !== undefined);
    const told = socket.end("st1") ?? socket.frames.find((frame) => errorOf(frame)?.code === code);
    expect(errorOf(told)).toMatchObject({ code, processed: "no" });
    expect(socket.end("other")?.flags).toContain("FIN");
    expect(sim.adapters.get("fair")?.calls.length).toBe(1);
    await sim.router.close();
  });

  it("with members missing has the session's", async () => {
    const { sim, socket } = world();
    socket.send(syn({ window: {} }));
    expect((await ended(sim, socket)).flags).toContain("FIN");
    const accept = socket.of("st1", "control.accept")[0]?.payload?.content as AcceptContent;
    expect(accept.window).toEqual({ max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 });
    await sim.router.close();
  });

  it("that is huge is cut to the session's, and the accept says so", async () => {
    const { sim, socket } = world();
    socket.send(syn({ window: { max_parallel: 1_000, max_tokens: 9e15, max_usd_micros: 9e15 } }));
    expect((await ended(sim, socket)).flags).toContain("FIN");
    const accept = socket.of("st1", "control.accept")[0]?.payload?.content as AcceptContent;
    expect(accept.window).toEqual({ max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 });
    await sim.router.close();
  });

  it("A7.6 an update older than the last changes nothing", async () => {
    const { sim, socket } = world({
      ...fair,
      answer: [
        { afterMs: 5, text: "a", usage },
        { afterMs: 2_000, final: {} },
      ],
    });
    socket.send(syn({ window: { max_parallel: 1, max_tokens: 1_000 } }));
    await sim.clock.advance(100);
    let seq = 2;
    const update = (number: number, tokens: number): void =>
      socket.send({
        v: 1,
        session_id: "s1",
        stream_id: "st1",
        msg_seq: seq++,
        flags: ["CTRL"],
        payload: { type: "control.window_update", content: { number, window: { max_tokens: tokens } } },
      });
    update(2, 500);
    update(1, 20);
    const end = await ended(sim, socket);
    expect(end.flags).toContain("FIN");
    // Of 500, not of 20.
    expect(end.telemetry?.window_left?.max_tokens).toBe(500 - 30);
    await sim.router.close();
  });
});

describe("an estimate that is none", () => {
  const strange = (estimate: object, estimateMs?: number): AdapterScript => ({
    id: "strange",
    estimate,
    ...(estimateMs === undefined ? {} : { estimateMs }),
    answer: [{ text: "strange", usage }, { final: {} }],
  });

  it.each<[string, AdapterScript]>([
    ["NaN", strange({ outTokens: Number.NaN, usdMicros: Number.NaN })],
    ["negative", strange({ outTokens: -5 })],
    ["infinite", strange({ usdMicros: Infinity })],
    ["later than its time", strange({}, 60_000)],
    ["a confidence of two", strange({ confidence: 2 })],
  ])("%s: its adapter is left out, and the others answer", async (_, adapter) => {
    const { sim, socket } = world(adapter, fair);
    socket.send(syn({ meta: { strategy: "fanout" } }));
    const end = await ended(sim, socket);
    expect(end.payload?.content).toMatchObject({ ok: true, answer: "fair" });
    expect(sim.adapters.get("strange")?.calls).toEqual([]);
    await sim.router.close();
  });

  it("of zero is no quote: 256 tokens of output are held, and what it bills is charged", async () => {
    const { sim, socket } = world(strange({ inTokens: 0, outTokens: 0, usdMicros: 0 }));
    socket.send(syn({}));
    const end = await ended(sim, socket);
    expect(end.telemetry).toMatchObject({ tokens: 30, usd: 100 });
    const holds = sim.adapters.get("strange")?.calls.map(({ maxOutputTokens }) => maxOutputTokens);
    expect(holds).toEqual([256]);
    await sim.router.close();
  });

  it("of more than any budget is refused with the limit that it passes", async () => {
    const { sim, socket } = world(strange({ inTokens: 9e15, outTokens: 9e15, usdMicros: 9e15 }));
    socket.send(syn({}));
    const end = await ended(sim, socket);
    expect(errorOf(end)).toMatchObject({ code: "EBUDGET", processed: "no" });
    expect(errorOf(end).details).toMatchObject({ remedy: expect.any(String) as string });
    await sim.router.close();
  });

  it("a tenth of what is billed: charged in full within the windows, told as an overrun, rated down", async () => {
    const much = { inTokens: 100, outTokens: 200, usdMicros: 1_000 };
    const { sim, socket } = world({
      id: "liar",
      estimate: usage,
      answer: [{ text: "much", usage: much }, { final: {} }],
    });
    socket.send(syn({}));
    const end = await ended(sim, socket);
    expect(end.telemetry).toMatchObject({ tokens: 300, usd: 1_000 });
    expect(sim.observations.some((o) => o.t === "adapter.overrun" && o.adapter === "liar")).toBe(true);
    expect(sim.router.view().adapters[0]?.rating).toBeLessThan(1);
    await sim.router.close();
  });
});
