import { describe, expect, it } from "vitest";
import type { HelloContent } from "../../src/index.js";
import { configOf, framesOf, grant, hello, Rig, syn } from "../support/pipe.js";

/** A router's endpoint with one accepted stream of a client that can resume. */
function served(): Rig {
  const rig = new Rig(configOf({ capabilities: ["resume"] }));
  rig.step({ t: "socket.opened", subprotocol: "atp.v1+json" });
  rig.receive(hello(["resume"]));
  rig.step({ t: "hello.granted", grant: { ...grant, resumeToken: "t1" } });
  rig.receive(syn());
  rig.step({ t: "stream.accept", stream: "s1/st1", qos: "silver", window: {} });
  return rig;
}

const say = (rig: Rig, text: string): void => {
  const payload = { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text } };
  rig.step({ t: "stream.send", stream: "s1/st1", message: { payload } });
};

const attach = (rig: Rig, lastSeq: number): ReturnType<typeof framesOf> => {
  const content: HelloContent = {
    client: { name: "t", version: "1" },
    capabilities: ["resume"],
    resume: { resume_token: "t1", streams: [{ stream_id: "st1", last_seq: lastSeq }] },
  };
  const resumed = { ...grant, resumeToken: "t2" };
  return framesOf(rig.step({ t: "session.attach", hello: content, grant: resumed, shownTokenId: "t1" }));
};

describe("memory of a session", () => {
  it("A8.4 counts what is kept for a replay, and counts it no more once it is acknowledged", () => {
    const rig = served();
    rig.step({ t: "socket.buffered", bytes: 0 });
    const before = rig.endpoint.bytes();
    say(rig, "x".repeat(5_000));
    rig.step({ t: "socket.buffered", bytes: 0 });
    expect(rig.endpoint.bytes()).toBeGreaterThan(before + 5_000);
    rig.receive({ v: 1, session_id: "s1", stream_id: "st1", msg_seq: 1, flags: ["ACK"], ack: 2 });
    expect(rig.endpoint.bytes()).toBeLessThan(before + 1_000);
  });

  it("A8.4 a detached session that was evicted answers `gap`, and asks for a snapshot", () => {
    const rig = served();
    say(rig, "x".repeat(5_000));
    rig.step({ t: "session.evict" });
    expect(rig.endpoint.bytes(), "an attached session keeps what it has").toBeGreaterThan(5_000);
    rig.step({ t: "socket.closed", code: 1006, reason: "" });
    rig.step({ t: "session.evict" });
    expect(rig.endpoint.bytes()).toBeLessThan(1_000);
    const resumed = attach(rig, 1).find((frame) => frame.payload?.type === "control.resumed");
    expect(resumed?.payload?.content).toMatchObject({ streams: [{ stream_id: "st1", state: "gap", next_seq: 3 }] });
    expect(rig.of("stream.snapshot")).toHaveLength(1);
  });

  it("A8.4 A9.2 an end survives it", () => {
    const rig = served();
    say(rig, "piece");
    rig.step({ t: "socket.closed", code: 1006, reason: "" });
    const payload = { type: "agent.result.final", content: { ok: true, answer: "all" } };
    rig.step({ t: "stream.end", stream: "s1/st1", flag: "FIN", payload });
    rig.step({ t: "session.evict" });
    const frames = attach(rig, 1).filter((frame) => frame.stream_id === "st1");
    expect(frames.at(-1)).toMatchObject({ flags: ["FIN"], msg_seq: 3 });
  });

  it("A5.2 A9.6 a drain is told again after a resume, with the time that is left", () => {
    const rig = served();
    rig.step({ t: "drain" });
    rig.step({ t: "socket.closed", code: 1006, reason: "" });
    rig.at += 4_000;
    const status = attach(rig, 1).find((frame) => frame.payload?.type === "control.status");
    expect(status?.payload?.content).toEqual({ state: "DRAINING", drain_ms: 6_000 });
  });
});
