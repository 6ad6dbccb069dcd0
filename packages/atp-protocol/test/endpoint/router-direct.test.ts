import { describe, expect, it } from "vitest";
import { configOf, framesOf, Rig, syn } from "../support/pipe.js";

const open = (): Rig => {
  const rig = new Rig(configOf({}));
  rig.step({ t: "socket.opened", subprotocol: "" });
  return rig;
};

describe("router endpoint without HELLO", () => {
  it("A5.1 A5.2 answers the seed's SYN: accept without a number, PARTIAL 2, FIN 3, ttl one less", () => {
    const rig = open();
    const opened = rig.receive(syn());
    expect(opened).toContainEqual(expect.objectContaining({ t: "stream.opened", stream: "s1/st1" }));
    rig.step({ t: "stream.accept", stream: "s1/st1", qos: "gold", window: { max_parallel: 4 } });
    rig.step({
      t: "stream.send",
      stream: "s1/st1",
      message: { payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text: "hi" } } },
    });
    rig.step({
      t: "stream.end",
      stream: "s1/st1",
      flag: "FIN",
      payload: { type: "agent.result.final", content: { ok: true, answer: "hi" } },
      telemetry: { tokens: 1, usd: 2, latency_ms: 3 },
    });
    expect(rig.sent().map((frame) => [frame.flags.join(), frame.msg_seq, frame.ttl])).toEqual([
      ["SYN,ACK", 1, 7],
      ["MORE", 2, 7],
      ["FIN", 3, 7],
    ]);
    expect(rig.sent()[0]?.ack).toBe(1);
    expect(rig.endpoint.openStreams()).toEqual([]);
    const late = rig.step({ t: "stream.end", stream: "s1/st1", flag: "RST", payload: { type: "error", content: {} } });
    expect(framesOf(late)).toEqual([]);
  });
});
