import { describe, expect, it } from "vitest";
import { defaultLimits, type EndpointConfig, type Frame, type Grant } from "../../src/index.js";
import { configOf, frame, framesOf, grant, hello, Rig, syn } from "../support/pipe.js";

const granted = (token: string): Grant => ({ ...grant, resumeToken: token, resumeTokenId: `#${token}` });
const session = (over: Partial<EndpointConfig> = {}): Rig => {
  const rig = new Rig(configOf({ capabilities: ["resume", "credit"], ...over }));
  rig.step({ t: "socket.opened", subprotocol: "" });
  rig.receive(hello(["resume"]));
  rig.step({ t: "hello.granted", grant: granted("T1") });
  return rig;
};
const cut = (rig: Rig) => rig.step({ t: "socket.closed", code: 1006, reason: "" });
const attach = (
  rig: Rig,
  shown: string,
  token: string,
  streams: [string, number][],
  capabilities = ["resume"],
): Frame[] =>
  framesOf(
    rig.step({
      t: "session.attach",
      hello: {
        client: { name: "t", version: "1" },
        capabilities,
        resume: { resume_token: shown, streams: streams.map(([stream_id, last_seq]) => ({ stream_id, last_seq })) },
      },
      grant: granted(token),
      shownTokenId: `#${shown}`,
    }),
  );
const say = (rig: Rig, text: string) =>
  rig.step({
    t: "stream.send",
    stream: "s1/st1",
    message: { payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text } } },
  });
const end = (rig: Rig) =>
  rig.step({
    t: "stream.end",
    stream: "s1/st1",
    flag: "FIN",
    payload: { type: "agent.result.final", content: { ok: true, answer: "x" } },
  });
const open = (rig: Rig): void => {
  rig.receive(syn());
  rig.step({ t: "stream.accept", stream: "s1/st1", qos: "gold", window: {} });
};
const data = (rig: Rig) => rig.of("transmit").map((effect) => effect.data);

describe("resume", () => {
  it("A9.2 answers welcome, then how each stream stands, then the exact missing suffix, byte for byte", () => {
    const rig = session();
    open(rig);
    say(rig, "one");
    say(rig, "two");
    const first = data(rig).at(-1);
    cut(rig);
    say(rig, "three");
    const sent = attach(rig, "T1", "T2", [["st1", 2]]);
    expect(sent.map((each) => each.payload?.type)).toEqual([
      "control.welcome",
      "control.resumed",
      "agent.result.partial",
      "agent.result.partial",
    ]);
    expect(sent[1]?.payload?.content).toMatchObject({
      streams: [{ stream_id: "st1", state: "live", next_seq: 3, ack: 1, used: { messages: 3 } }],
    });
    expect(sent.slice(2).map((each) => each.msg_seq)).toEqual([3, 4]);
    expect(data(rig).at(-2)).toBe(first);
  });

  it("A9.2 gone says whether the SYN ever came", () => {
    const rig = session();
    open(rig);
    cut(rig);
    const [, resumed] = attach(rig, "T1", "T2", [
      ["st1", 9],
      ["st7", 1],
    ]);
    expect(resumed?.payload?.content).toMatchObject({
      streams: [
        { stream_id: "st1", state: "gone", processed: "maybe" },
        { stream_id: "st7", state: "gone", processed: "no" },
      ],
    });
  });

  it("A9.2 open streams that were not listed are listed, from their last ack", () => {
    const rig = session();
    open(rig);
    say(rig, "one");
    rig.receive(frame({ flags: ["ACK"], ack: 2 }));
    say(rig, "two");
    cut(rig);
    const sent = attach(rig, "T1", "T2", []);
    expect(sent[1]?.payload?.content).toMatchObject({ streams: [{ stream_id: "st1", state: "live", next_seq: 3 }] });
  });

  it("A5.2 repeats control.accept after a resume that had seen nothing", () => {
    const rig = session();
    open(rig);
    cut(rig);
    const sent = attach(rig, "T1", "T2", [["st1", 1]]);
    expect(sent[2]).toMatchObject({ flags: ["SYN", "ACK"], payload: { type: "control.accept" } });
  });

  it("A9.2 a gap is followed by the host's snapshot; an ended stream gets its end only", () => {
    const limits = { ...defaultLimits, retention_bytes: 400 };
    const rig = session({ limits });
    open(rig);
    cut(rig);
    for (let i = 0; i < 9; i++) say(rig, `piece ${i}`);
    const sent = attach(rig, "T1", "T2", [["st1", 1]]);
    expect(sent[1]?.payload?.content).toMatchObject({ streams: [{ state: "gap", next_seq: 11 }] });
    expect(rig.of("stream.snapshot")).toHaveLength(1);
    expect(framesOf(say(rig, "all"))).toMatchObject([{ msg_seq: 11 }]);
    cut(rig);
    for (let i = 0; i < 9; i++) say(rig, `piece ${i}`);
    end(rig);
    const last = attach(rig, "T2", "T3", [["st1", 11]]);
    expect(last[1]?.payload?.content).toMatchObject({ streams: [{ state: "gap", next_seq: 21 }] });
    expect(last.at(-1)).toMatchObject({ flags: ["FIN"], msg_seq: 21 });
  });

  it("A9.3 the token last shown and the newest are valid until the client is heard with the newest", () => {
    const rig = session();
    const valid = (): readonly string[] | undefined => rig.of("tokens").at(-1)?.valid;
    expect(valid()).toEqual(["#T1"]);
    cut(rig);
    attach(rig, "T1", "T2", []);
    cut(rig);
    attach(rig, "T1", "T3", []);
    expect(valid()).toEqual(["#T1", "#T3"]);
    rig.receive(frame({ stream_id: "0", flags: ["ACK"] }));
    expect(valid()).toEqual(["#T3"]);
  });

  it("A9.3 an unknown token: welcome with a new epoch, then one ERESUME on stream 0", () => {
    const rig = new Rig(configOf({ capabilities: ["resume"] }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(hello(["resume"], { resume: { resume_token: "old", streams: [{ stream_id: "st4", last_seq: 2 }] } }));
    rig.step({ t: "hello.granted", grant: granted("T9") });
    const sent = rig.sent();
    expect(sent.map((each) => each.payload?.type)).toEqual(["control.welcome", "error"]);
    expect(sent[1]?.payload?.content).toMatchObject({ code: "ERESUME", details: { streams: ["st4"] } });
    expect(rig.of("close")).toEqual([]);
  });

  it("A9.2 after retention_ms without a socket open streams are cancelled and the session is forgotten", () => {
    const rig = session();
    open(rig);
    cut(rig);
    rig.advance(119_999);
    expect(rig.of("stream.cancelled")).toEqual([]);
    rig.advance(1);
    expect(rig.of("stream.cancelled")).toMatchObject([{ stream: "s1/st1" }]);
    expect(rig.of("tokens").at(-1)?.valid).toEqual([]);
    end(rig);
    expect(rig.endpoint.openStreams()).toEqual([]);
  });

  it("A8.1 out of credit only that stream waits; its end needs none", () => {
    const rig = new Rig(configOf({ capabilities: ["credit"] }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(hello(["credit"]));
    rig.step({ t: "hello.granted", grant });
    rig.receive(syn({ credit: { messages: 2, bytes: 100_000 } }));
    rig.step({ t: "stream.accept", stream: "s1/st1", qos: "gold", window: {} });
    expect(rig.sent().at(-1)?.payload?.content).toMatchObject({ credit: { messages: 2, bytes: 100_000 } });
    for (let i = 0; i < 4; i++) say(rig, "x");
    expect(rig.of("outbox.full")).toEqual([{ t: "outbox.full", stream: "s1/st1" }]);
    const seqs = () =>
      rig
        .sent()
        .filter((each) => each.stream_id === "st1")
        .map((each) => each.msg_seq);
    expect(seqs()).toEqual([1, 2, 3]);
    rig.receive(frame({ flags: ["ACK"], ack: 3, credit: { messages: 3, bytes: 100_000 } }));
    expect(seqs()).toEqual([1, 2, 3, 4]);
    rig.receive(frame({ flags: ["ACK"], ack: 3, credit: { messages: 1, bytes: 1 } }));
    rig.receive(frame({ flags: ["ACK"], ack: 4, credit: { messages: 9, bytes: 100_000 } }));
    expect(seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(rig.of("outbox.room")).toEqual([{ t: "outbox.room", stream: "s1/st1" }]);
    end(rig);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("A8.3 without credit for 30 s the call runs on into the buffer; when credit comes after an eviction, it is a gap", () => {
    const limits = { ...defaultLimits, retention_bytes: 400 };
    const rig = new Rig(configOf({ capabilities: ["credit", "resume"], limits }));
    rig.step({ t: "socket.opened", subprotocol: "" });
    rig.receive(hello(["credit", "resume"]));
    rig.step({ t: "hello.granted", grant: granted("T1") });
    rig.receive(syn({ credit: { messages: 1, bytes: 100_000 } }));
    say(rig, "one");
    say(rig, "two");
    rig.receive(frame({ stream_id: "0", flags: ["HB"] }));
    rig.advance(30_000);
    expect(rig.of("outbox.room")).toEqual([{ t: "outbox.room", stream: "s1/st1" }]);
    for (let i = 0; i < 9; i++) say(rig, `piece ${i}`);
    const from = rig.effects.length;
    rig.receive(frame({ flags: ["ACK"], ack: 2, credit: { messages: 50, bytes: 100_000 } }));
    expect(rig.sent(from)).toMatchObject([
      { stream_id: "0", payload: { type: "control.resumed", content: { streams: [{ state: "gap", next_seq: 13 }] } } },
    ]);
    expect(rig.of("stream.snapshot")).toHaveLength(1);
    expect(framesOf(say(rig, "all"))).toMatchObject([{ msg_seq: 13 }]);
  });
});
