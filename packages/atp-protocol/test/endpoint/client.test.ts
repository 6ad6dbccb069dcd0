import { describe, expect, it } from "vitest";
import { type EndpointConfig, type Frame } from "../../src/index.js";
import { configOf, frame, framesOf, grant, Rig } from "../support/pipe.js";
import { defaultLimits } from "../../src/index.js";

const helloConfig = { sessionId: "s1", content: { client: { name: "t", version: "1" }, capabilities: [] } };
const naive = (over: Partial<EndpointConfig> = {}): Rig => {
  const rig = new Rig(configOf({ role: "client", ...over }));
  rig.step({ t: "socket.opened", subprotocol: "" });
  return rig;
};
const opening = {
  t: "stream.open",
  sessionId: "s1",
  streamId: "st1",
  qos: "gold",
  payload: { type: "agent.request", content: { prompt: "x" } },
} as const;
const partial = (seq: number, over: Partial<Frame> = {}): Frame =>
  frame({
    msg_seq: seq,
    flags: ["MORE"],
    payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0 } },
    ...over,
  });
const final = (seq: number): Frame =>
  frame({
    msg_seq: seq,
    flags: ["FIN"],
    payload: { type: "agent.result.final", content: { ok: true, answer: "x" } },
    telemetry: { tokens: 1, usd: 1, latency_ms: 1 },
  });
const accept = frame({
  flags: ["SYN", "ACK"],
  ack: 1,
  payload: { type: "control.accept", content: { qos: "gold", window: {}, ack: 1 } },
});
const welcome = frame({
  stream_id: "0",
  flags: ["CTRL"],
  payload: { type: "control.welcome", content: { ...grant, capabilities: [], limits: defaultLimits } },
});

describe("client endpoint", () => {
  it("A5.1 opens with SYN 1, takes messages in order, ends once", () => {
    const rig = naive();
    rig.step(opening);
    expect(rig.sent()).toMatchObject([{ stream_id: "st1", msg_seq: 1, flags: ["SYN"], qos: "gold" }]);
    for (const each of [accept, partial(2), partial(3), final(4), final(4), partial(5)]) rig.receive(each);
    expect(rig.of("stream.accepted")).toHaveLength(1);
    expect(rig.of("stream.message").map((effect) => effect.frame.msg_seq)).toEqual([2, 3]);
    expect(rig.of("stream.ended")).toMatchObject([{ by: "FIN", frame: { msg_seq: 4 } }]);
    expect(rig.endpoint.openStreams()).toEqual([]);
  });

  it("A5.4 drops a number it had and closes with 4102 on a gap", () => {
    const rig = naive();
    rig.step(opening);
    rig.receive(partial(2));
    expect(rig.receive(partial(2))).toEqual([]);
    rig.receive(partial(4));
    expect(rig.of("close")).toMatchObject([{ code: 4102 }]);
  });

  it("A4.3 a stream that ends without FIN or RST was cut", () => {
    const rig = naive();
    rig.step(opening);
    rig.receive(partial(2));
    expect(rig.step({ t: "socket.closed", code: 1006, reason: "" })).toEqual([
      { t: "stream.cut", stream: "s1/st1", code: 1006, reason: "" },
    ]);
  });

  it("A5.4 a refused frame counts; a refused end cuts the stream", () => {
    const rig = naive();
    rig.step(opening);
    rig.receive(partial(2, { qos: "lead" as never }));
    rig.receive(partial(3));
    expect(rig.of("stream.message").map((effect) => effect.frame.msg_seq)).toEqual([3]);
    rig.receive({ ...final(4), telemetry: { tokens: 1.5, usd: 0, latency_ms: 0 } });
    expect(rig.of("stream.cut")).toHaveLength(1);
    expect(rig.of("close")).toEqual([]);
  });

  it("A9.5 cancels with RST under the next number and waits for the router's RST", () => {
    const rig = naive();
    rig.step(opening);
    rig.step({ t: "stream.send", stream: "s1/st1", message: { payload: { type: "agent.input", content: {} } } });
    rig.step({ t: "stream.cancel", stream: "s1/st1", reason: "enough" });
    rig.step({ t: "stream.cancel", stream: "s1/st1" });
    expect(rig.sent().slice(1)).toMatchObject([
      { msg_seq: 2, flags: [], payload: { type: "agent.input" } },
      { msg_seq: 3, flags: ["RST"], payload: { type: "control.cancel", content: { reason: "enough" } } },
    ]);
    expect(rig.of("stream.ended")).toEqual([]);
    rig.receive(frame({ msg_seq: 2, flags: ["RST"], payload: { type: "error", content: {} } }));
    expect(rig.of("stream.ended")).toMatchObject([{ by: "RST" }]);
  });

  it("A9.5 a cancel before the socket is open ends the stream here", () => {
    const rig = new Rig(configOf({ role: "client" }));
    rig.step(opening);
    rig.step({ t: "stream.cancel", stream: "s1/st1" });
    expect(rig.of("stream.ended")).toMatchObject([
      { by: "RST", frame: { payload: { content: { code: "ECANCELLED", processed: "no" } } } },
    ]);
    rig.step({ t: "socket.opened", subprotocol: "" });
    expect(rig.sent()).toEqual([]);
  });

  it("A2.1 sends HELLO first and SYNs at once behind it", () => {
    const rig = new Rig(configOf({ role: "client", hello: helloConfig }));
    rig.step(opening);
    rig.step({ t: "socket.opened", subprotocol: "" });
    expect(rig.sent().map((each) => [each.stream_id, each.flags.join()])).toEqual([
      ["0", "CTRL"],
      ["st1", "SYN"],
    ]);
    rig.receive(welcome);
    expect(rig.of("welcome")).toMatchObject([{ content: { epoch: "e1" } }]);
  });

  it("A9.1 with HELLO it answers each heartbeat at once; without it never", () => {
    const heartbeat = frame({ stream_id: "0", flags: ["HB"] });
    const rig = new Rig(configOf({ role: "client", hello: helloConfig }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(welcome);
    expect(framesOf(rig.receive(heartbeat))).toMatchObject([{ stream_id: "0", flags: ["HB"] }]);
    expect(framesOf(rig.advance(15_000))).toMatchObject([{ flags: ["HB"] }]);
    expect(framesOf(naive().receive(heartbeat))).toEqual([]);
  });

  it("A9.1 closes with 4104 when the router is silent for max_idle_ms", () => {
    const rig = new Rig(configOf({ role: "client", hello: helloConfig }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(welcome);
    rig.advance(44_999);
    expect(rig.of("close")).toEqual([]);
    rig.advance(1);
    expect(rig.of("close")).toMatchObject([{ code: 4104 }]);
  });

  it("A9.1 acknowledges what its consumer took within a second, in one frame", () => {
    const rig = new Rig(configOf({ role: "client", hello: helloConfig }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(welcome);
    rig.step(opening);
    for (let seq = 2; seq < 6; seq++) rig.receive(partial(seq));
    rig.step({ t: "stream.consumed", stream: "s1/st1", seq: 3 });
    rig.step({ t: "stream.consumed", stream: "s1/st1", seq: 4 });
    expect(framesOf(rig.advance(999))).toEqual([]);
    expect(framesOf(rig.advance(1))).toMatchObject([{ stream_id: "st1", flags: ["ACK"], ack: 4, msg_seq: 1 }]);
    expect(framesOf(rig.advance(2_000))).toEqual([]);
  });

  it("A3.7 an unknown type with OPT is passed over, without OPT it is a violation; both numbers count", () => {
    const rig = naive();
    rig.step(opening);
    rig.receive(partial(2, { flags: ["MORE", "OPT"], payload: { type: "x.y", content: 1 } }));
    expect(rig.of("violation")).toEqual([]);
    rig.receive(partial(3, { payload: { type: "x.y", content: 1 } }));
    expect(rig.of("violation")).toHaveLength(1);
    rig.receive(partial(4));
    expect(rig.of("stream.message")).toHaveLength(1);
  });

  it("A3.4 a SYN over max_frame_bytes is refused here, as the router would refuse it unread", () => {
    const rig = naive();
    rig.step({
      ...opening,
      payload: { type: "agent.request", content: { prompt: "x".repeat(defaultLimits.max_frame_bytes) } },
    });
    expect(rig.sent()).toEqual([]);
    expect(rig.of("stream.ended")).toMatchObject([
      { by: "RST", frame: { payload: { content: { code: "ETOOBIG", processed: "no" } } } },
    ]);
  });

  it("A3.7 stream.end with FIN closes the client's direction under the next number", () => {
    const rig = naive();
    rig.step(opening);
    rig.step({ t: "stream.end", stream: "s1/st1", flag: "FIN", payload: { type: "agent.input", content: {} } });
    expect(rig.sent().at(-1)).toMatchObject({ flags: ["FIN"], msg_seq: 2 });
    expect(rig.endpoint.openStreams()).toEqual(["s1/st1"]);
  });
});
