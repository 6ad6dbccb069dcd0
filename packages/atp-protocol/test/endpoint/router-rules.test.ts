import { describe, expect, it } from "vitest";
import { defaultLimits, type EndpointConfig, type ErrorContent, type Frame } from "../../src/index.js";
import { configOf, frame, framesOf, grant, hello, Rig, syn } from "../support/pipe.js";

const open = (over: Partial<EndpointConfig> = {}): Rig => {
  const rig = new Rig(configOf(over));
  rig.step({ t: "socket.opened", subprotocol: "" });
  return rig;
};
const greeted = (over: Partial<EndpointConfig> = {}): Rig => {
  const rig = open(over);
  rig.receive(hello());
  rig.step({ t: "hello.granted", grant });
  return rig;
};
const request = (streamId: string, over: Partial<Frame> = {}): Frame =>
  syn({ stream_id: streamId, payload: { type: "agent.request", content: { prompt: "x" } }, ...over });
const input = (msg_seq: number, over: Partial<Frame> = {}): Frame =>
  frame({ msg_seq, payload: { type: "agent.input", content: { prompt: "more" } }, ...over });
const partial = (text: string, mergeKey?: string) => ({
  t: "stream.send" as const,
  stream: "s1/st1",
  message: {
    payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text } },
    ...(mergeKey === undefined ? {} : { mergeKey }),
  },
});
const fin = {
  t: "stream.end" as const,
  stream: "s1/st1",
  flag: "FIN" as const,
  payload: { type: "agent.result.final", content: { ok: true, answer: "x" } },
};
const errorOf = (sent: Frame | undefined): ErrorContent => sent?.payload?.content as ErrorContent;
const last = (rig: Rig): Frame | undefined => rig.sent().at(-1);

describe("router endpoint: opening", () => {
  it("A2.2 closes with 4408 when nothing comes for 10 s", () => {
    const rig = open();
    expect(rig.advance(9_999).some((effect) => effect.t === "close")).toBe(false);
    expect(rig.advance(1)).toContainEqual(expect.objectContaining({ t: "close", code: 4408 }));
  });

  it("A2.2 A2.1 welcomes a HELLO first, then answers the SYN that followed it at once", () => {
    const rig = open();
    rig.receive(hello());
    rig.receive(request("st1"));
    expect(rig.sent()).toEqual([]);
    expect(rig.of("stream.opened")).toEqual([]);
    rig.step({ t: "hello.granted", grant });
    expect(rig.sent()[0]?.payload).toMatchObject({
      type: "control.welcome",
      content: { epoch: "e1", limits: defaultLimits, lease: grant.lease, principal: grant.principal },
    });
    expect(rig.of("stream.opened")).toHaveLength(1);
  });

  it("A2.1 what followed a refused HELLO did not happen", () => {
    const rig = open();
    rig.receive(hello());
    rig.receive(request("st1"));
    const error = { code: "EAUTH", message: "no", retry: "reauth", processed: "no" } as const;
    rig.step({ t: "hello.refused", error, closeCode: 4401 });
    expect(rig.of("stream.opened")).toEqual([]);
    expect(errorOf(last(rig)).code).toBe("EAUTH");
    expect(rig.of("close")).toMatchObject([{ code: 4401 }]);
  });

  it.each([
    ["a second HELLO", [hello(), hello()]],
    ["a HELLO that is not first", [request("st1"), hello()]],
  ])("A2.2 closes with 4429 on %s", (_name, frames) => {
    const rig = open();
    for (const each of frames) {
      rig.receive(each);
      rig.step({ t: "hello.granted", grant });
    }
    expect(rig.of("close")).toMatchObject([{ code: 4429 }]);
  });

  it("A2.4 after HELLO every frame names its session", () => {
    const rig = greeted();
    rig.receive(request("st1", { session_id: "other" }));
    expect(errorOf(last(rig))).toMatchObject({ code: "EPROTO", details: { rule: "A2.4" } });
    expect(rig.of("stream.opened")).toEqual([]);
  });

  it("A2.4 a socket without HELLO takes 64 labels", () => {
    const rig = open();
    for (let i = 0; i < 65; i++) rig.receive(request("st1", { session_id: `label${i}` }));
    expect(rig.of("stream.opened")).toHaveLength(64);
    expect(last(rig)).toMatchObject({ session_id: "label64", flags: ["RST"], msg_seq: 2 });
    expect(errorOf(last(rig)).code).toBe("EOVERLOAD");
  });

  it("A2.4 a window update on stream 0 may come before the first SYN", () => {
    const rig = open();
    rig.receive(
      frame({
        stream_id: "0",
        flags: ["CTRL"],
        payload: { type: "control.window_update", content: { number: 1, window: { max_tokens: 5 } } },
      }),
    );
    expect(rig.of("window")).toMatchObject([{ stream: null, sessionId: "s1", content: { window: { max_tokens: 5 } } }]);
  });

  it("A7.6 an older window number is ignored, per scope", () => {
    const rig = open();
    rig.receive(request("st1"));
    const update = (stream_id: string, number: number) =>
      rig.receive(
        frame({
          stream_id,
          flags: ["CTRL"],
          payload: { type: "control.window_update", content: { number, window: {} } },
        }),
      );
    update("0", 2);
    update("0", 2);
    update("0", 1);
    update("st1", 1);
    expect(rig.of("window").map((effect) => [effect.stream, effect.content.number])).toEqual([
      [null, 2],
      ["s1/st1", 1],
    ]);
  });

  it("A2.4 of control frames a naive socket gets accept, status and errors only", () => {
    const rig = open();
    rig.receive(request("st1"));
    rig.step({ t: "stream.accept", stream: "s1/st1", qos: "silver", window: {} });
    rig.step({ t: "stream.control", stream: "s1/st1", payload: { type: "control.plan", content: {} } });
    rig.step({ t: "stream.control", stream: null, payload: { type: "control.window_update", content: {} } });
    rig.step({ t: "stream.status", content: { state: "BUSY" } });
    expect(rig.sent().map((each) => each.payload?.type)).toEqual(["control.accept", "control.status"]);
  });
});

describe("router endpoint: refusals leave the rest running", () => {
  it.each([
    ["A3 version", request("st1", { v: 2 as never }), "EPROTO", "RST", 2],
    ["A3 lane", request("st1", { qos: "lead" as never }), "EPROTO", "RST", 2],
    ["A3.1 a number that cannot be read", request("st1", { msg_seq: -1 }), "EPROTO", "RST", 1],
    ["A3.ttl ttl 0", request("st1", { ttl: 0 }), "ETTL", "RST", 2],
    [
      "A4 a payload that is no request",
      request("st1", { payload: { type: "agent.input", content: {} } }),
      "EPROTO",
      "RST",
      2,
    ],
    ["A4 an unknown payload", request("st1", { payload: { type: "x.y", content: {} } }), "EPROTO", "RST", 2],
  ])("%s refuses a SYN on its own stream, once", (_name, bad, code, flag, seq) => {
    const rig = open();
    rig.receive(request("other"));
    const sent = framesOf(rig.receive(bad));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      stream_id: "st1",
      flags: [flag],
      msg_seq: seq,
      telemetry: { tokens: 0, usd: 0, latency_ms: 0 },
    });
    expect(errorOf(sent[0])).toMatchObject({ code, processed: "no" });
    expect(rig.endpoint.openStreams()).toEqual(["s1/other"]);
    expect(rig.of("close")).toEqual([]);
  });

  it.each([
    ["not JSON", "{", "A3"],
    ["A3.5 a message on stream 0", frame({ stream_id: "0", payload: { type: "agent.input", content: {} } }), "A3.5"],
    ["A4 an unknown control", frame({ stream_id: "0", flags: ["CTRL"], payload: { type: "x.y", content: {} } }), "A4"],
    [
      "A7.6 a malformed window update",
      frame({ stream_id: "0", flags: ["CTRL"], payload: { type: "control.window_update", content: {} } }),
      "A7.6",
    ],
  ])("A3.6 answers %s on stream 0, flagged CTRL", (_name, bad, rule) => {
    const rig = open();
    rig.receive(request("st1"));
    const sent = framesOf(rig.receive(bad));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ stream_id: "0", flags: ["CTRL"], msg_seq: 1 });
    expect(errorOf(sent[0])).toMatchObject({ code: "EPROTO", details: { rule } });
    expect(rig.endpoint.openStreams()).toEqual(["s1/st1"]);
  });

  it("A3.5 the connection's errors name session 0 while none is known", () => {
    const rig = open();
    rig.receive("nonsense");
    expect(last(rig)).toMatchObject({ session_id: "0", stream_id: "0" });
  });

  it("A3.4 ETOOBIG of an unparsed frame says its size, and counts as no protocol error", () => {
    const rig = open();
    rig.receive(request("st1"));
    for (let i = 0; i < 20; i++) rig.receive(`"${"x".repeat(defaultLimits.max_frame_bytes)}"`);
    expect(errorOf(last(rig))).toMatchObject({ code: "ETOOBIG", details: { bytes: 262_146, limit: 262_144 } });
    expect(rig.of("close")).toEqual([]);
  });

  it("A3.6 A5.3 a repeated SYN is EDUP by CTRL, and the stream goes on", () => {
    const rig = open();
    rig.receive(request("st1"));
    rig.receive(request("st1"));
    expect(last(rig)).toMatchObject({ stream_id: "st1", flags: ["CTRL"], msg_seq: 1 });
    expect(errorOf(last(rig)).code).toBe("EDUP");
    rig.step(fin);
    expect(last(rig)).toMatchObject({ flags: ["FIN"], msg_seq: 2 });
    rig.receive(request("st1"));
    expect(last(rig)?.flags).toEqual(["CTRL"]);
    expect(errorOf(last(rig)).code).toBe("EDUP");
    expect(rig.of("stream.opened")).toHaveLength(1);
  });

  it("A5.4 a frame refused after its number was read counts as received", () => {
    const rig = open();
    rig.receive(request("st1"));
    rig.receive(input(2, { qos: "lead" as never }));
    expect(last(rig)).toMatchObject({ stream_id: "st1", flags: ["CTRL"] });
    rig.receive(input(3));
    expect(rig.of("stream.message").map((effect) => effect.frame.msg_seq)).toEqual([3]);
  });

  it("A5.4 a number already had is dropped in silence; a gap ends the stream with EPROTO", () => {
    const rig = open();
    rig.receive(request("st1"));
    rig.receive(request("st2"));
    rig.receive(input(2));
    expect(rig.receive(input(2))).toEqual([]);
    rig.receive(input(4));
    expect(rig.of("stream.cancelled")).toMatchObject([{ stream: "s1/st1", error: { code: "EPROTO" } }]);
    rig.step({
      ...fin,
      flag: "RST",
      payload: { type: "error", content: { code: "ECANCELLED" } },
      telemetry: { tokens: 7, usd: 1, latency_ms: 1 },
    });
    expect(last(rig)).toMatchObject({ flags: ["RST"], msg_seq: 2, telemetry: { tokens: 7 } });
    expect(errorOf(last(rig))).toMatchObject({ code: "EPROTO", details: { rule: "A5.4" } });
    expect(rig.endpoint.openStreams()).toEqual(["s1/st2"]);
  });

  it("A12 sixteen protocol errors within a minute close with 4400", () => {
    const rig = open();
    rig.receive(request("st1"));
    for (let i = 0; i < 15; i++) rig.receive("bad");
    rig.at += 60_000;
    for (let i = 0; i < 15; i++) rig.receive("bad");
    expect(rig.of("close")).toEqual([]);
    rig.receive("bad");
    expect(rig.of("close")).toMatchObject([{ code: 4400 }]);
  });

  it("A9.5 over max_streams: EWINDOW, dimension streams; a cancelled stream holds its place until settled", () => {
    const rig = open({ limits: { ...defaultLimits, max_streams: 2 } });
    rig.receive(request("st1"));
    rig.receive(request("st2"));
    rig.receive(
      frame({ flags: ["RST"], msg_seq: 2, payload: { type: "control.cancel", content: { reason: "enough" } } }),
    );
    expect(rig.of("stream.cancelled")).toMatchObject([{ stream: "s1/st1", reason: "enough" }]);
    rig.receive(request("st3"));
    expect(last(rig)).toMatchObject({ stream_id: "st3", flags: ["RST"], msg_seq: 2 });
    expect(errorOf(last(rig))).toMatchObject({
      code: "EWINDOW",
      retry: "backoff",
      details: { dimension: "streams", limit: 2 },
    });
    rig.step({ ...fin, flag: "RST", payload: { type: "error", content: {} } });
    rig.receive(request("st4"));
    expect(rig.of("stream.opened")).toHaveLength(3);
  });

  it("A9.5 an RST that comes before its SYN is remembered for 5 s", () => {
    const rig = open();
    rig.receive(frame({ stream_id: "st1", flags: ["RST"] }));
    rig.receive(frame({ stream_id: "st2", flags: ["RST"] }));
    rig.receive(request("st1"));
    expect(errorOf(last(rig)).code).toBe("ECANCELLED");
    rig.advance(5_001);
    rig.receive(request("st2"));
    expect(rig.of("stream.opened").map((effect) => effect.stream)).toEqual(["s1/st2"]);
  });

  it("A8.1 more than 16 inputs that nobody took end the stream with ETOOBIG", () => {
    const rig = open();
    rig.receive(request("st1"));
    for (let seq = 2; seq < 18; seq++) rig.receive(input(seq));
    expect(rig.of("stream.cancelled")).toEqual([]);
    rig.step({ t: "stream.consumed", stream: "s1/st1", seq: 3 });
    rig.receive(input(18));
    rig.receive(input(19));
    expect(rig.of("stream.cancelled")).toEqual([]);
    rig.receive(input(20));
    expect(rig.of("stream.cancelled")).toMatchObject([{ error: { code: "ETOOBIG" } }]);
  });

  it("A8.1 the router acknowledges an input when it is handed on, after HELLO", () => {
    const rig = greeted();
    rig.receive(request("st1"));
    rig.receive(input(2));
    const sent = framesOf(rig.step({ t: "stream.consumed", stream: "s1/st1", seq: 2 }));
    expect(sent).toMatchObject([{ stream_id: "st1", flags: ["ACK"], ack: 2, msg_seq: 1 }]);
  });

  it("A3.7 the client's FIN says that no more input comes, and ends nothing", () => {
    const rig = open();
    rig.receive(request("st1", { flags: ["SYN", "FIN"] }));
    expect(rig.of("stream.inputEnded")).toHaveLength(1);
    rig.receive(request("st2"));
    rig.receive(frame({ stream_id: "st2", msg_seq: 2, flags: ["FIN"] }));
    expect(rig.of("stream.inputEnded")).toHaveLength(2);
    rig.receive(input(3, { stream_id: "st2" }));
    expect(errorOf(last(rig)).code).toBe("EPROTO");
    expect(rig.endpoint.openStreams()).toHaveLength(2);
  });

  it("A3.7 an unknown payload type with OPT is ignored and its number counts", () => {
    const rig = open();
    rig.receive(request("st1"));
    expect(rig.receive(frame({ msg_seq: 2, flags: ["OPT"], payload: { type: "x.y", content: 1 } }))).toEqual([]);
    rig.receive(input(3));
    expect(rig.of("stream.message")).toHaveLength(1);
    rig.receive(frame({ msg_seq: 4, payload: { type: "x.y", content: 1 } }));
    expect(errorOf(last(rig)).code).toBe("EPROTO");
    rig.receive(input(5));
    expect(rig.of("stream.message")).toHaveLength(2);
  });

  it("A5.3 frames for an ended or unknown stream are ignored, but for one feedback within the retention", () => {
    const rig = open();
    rig.receive(request("st1"));
    rig.step(fin);
    const feedback = (seq: number) =>
      frame({ msg_seq: seq, payload: { type: "agent.feedback", content: { rating: 1 } } });
    expect(rig.receive(input(2))).toEqual([]);
    expect(rig.receive(input(2, { stream_id: "never" }))).toEqual([]);
    expect(rig.receive(feedback(2))).toMatchObject([{ t: "feedback", stream: "s1/st1", content: { rating: 1 } }]);
    expect(rig.receive(feedback(3))).toEqual([]);
  });

  it("A5.3 remembers ended ids for the retention, and at least the last 4,096", () => {
    const rig = open({ limits: { ...defaultLimits, frames_per_s: 1_000_000 } });
    const end = (id: string): void => {
      rig.receive(request(id));
      rig.step({ ...fin, stream: `s1/${id}` });
      rig.step({ t: "socket.buffered", bytes: 0 });
    };
    end("first");
    for (let i = 0; i < 4_096; i++) end(`x${i}`);
    rig.receive(request("first"));
    expect(errorOf(last(rig)).code).toBe("EDUP");
    rig.at += 120_000;
    end("later");
    rig.receive(request("first"));
    expect(rig.of("stream.opened").at(-1)?.stream).toBe("s1/first");
    rig.receive(request("x4095"));
    expect(errorOf(last(rig)).code).toBe("EDUP");
  });
});

describe("router endpoint: the socket's marks", () => {
  const big = "x".repeat(1_000);
  const full = (): Rig => {
    const rig = open({ highMarkBytes: 4_000, lowMarkBytes: 1_000 });
    rig.receive(request("st1"));
    while (rig.of("outbox.full").length === 0) rig.step(partial(big, "a/0"));
    return rig;
  };

  it("A8.2 tells full once at the high mark and room once under the low mark", () => {
    const rig = full();
    const sent = rig.sent().length;
    expect(sent).toBe(3);
    rig.step(partial(big, "a/0"));
    expect(rig.of("outbox.full")).toEqual([{ t: "outbox.full", stream: null }]);
    rig.step({ t: "socket.buffered", bytes: 1_001 });
    expect(rig.sent()).toHaveLength(sent);
    rig.step({ t: "socket.buffered", bytes: 0 });
    expect(rig.of("outbox.room")).toEqual([{ t: "outbox.room", stream: null }]);
  });

  it("A8.3 keeps one partial of each key while they wait, and the FINAL whole and last", () => {
    const rig = full();
    rig.step(partial("one", "a/0"));
    rig.step(partial("two", "a/0"));
    rig.step(partial("other", "b/0"));
    rig.step(partial("three", "a/0"));
    rig.step(fin);
    rig.step({ t: "socket.buffered", bytes: 0 });
    const late = rig.sent().slice(3);
    expect(
      late.map((each) => [each.msg_seq, each.flags[0], (each.payload?.content as { text?: string }).text]),
    ).toEqual([
      [5, "MORE", `${big}onetwothree`],
      [6, "MORE", "other"],
      [7, "FIN", undefined],
    ]);
  });

  it("A8.3 nothing is merged past a message that has no key", () => {
    const rig = full();
    rig.step(partial("one", "a/0"));
    rig.step(partial("void"));
    rig.step(partial("two", "a/0"));
    rig.step({ t: "socket.buffered", bytes: 0 });
    const texts = rig.sent().map((each) => (each.payload?.content as { text?: string }).text);
    expect(texts.slice(-3)).toEqual([`${big}one`, "void", "two"]);
  });

  it("A8.3 a merged partial holds at most 64 KiB", () => {
    const rig = full();
    for (let i = 0; i < 130; i++) rig.step(partial(big, "a/0"));
    rig.step({ t: "socket.buffered", bytes: 0 });
    rig.step({ t: "socket.buffered", bytes: 0 });
    rig.step({ t: "socket.buffered", bytes: 0 });
    const texts = rig.sent().map((each) => (each.payload?.content as { text: string }).text.length);
    expect(Math.max(...texts)).toBeLessThanOrEqual(65_536);
    expect(texts.reduce((sum, length) => sum + length, 0)).toBe(1_000 * (4 + 130));
  });

  it("A5.5 streams of a backed-up socket go in turn by bytes", () => {
    const rig = open({ highMarkBytes: 40_000, lowMarkBytes: 1_000 });
    for (const id of ["st1", "st2", "st3"]) rig.receive(request(id));
    while (rig.of("outbox.full").length === 0) rig.step(partial(big));
    for (const id of ["st1", "st2", "st3"])
      for (let i = 0; i < 20; i++) rig.step({ ...partial(big), stream: `s1/${id}` });
    const before = rig.effects.length;
    rig.step({ t: "socket.buffered", bytes: 0 });
    const counts = new Map<string, number>();
    for (const each of rig.sent(before)) counts.set(each.stream_id, (counts.get(each.stream_id) ?? 0) + 1);
    const shares = [...counts.values()];
    expect(shares).toHaveLength(3);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(5);
  });

  it("A8.4 no drain for 30 s: 4108, and the socket is destroyed a second later", () => {
    const rig = full();
    const lively = (ms: number) => {
      // The peer sends, but does not read.
      rig.step({ t: "socket.alive" });
      return rig.advance(ms);
    };
    lively(29_000);
    rig.step({ t: "socket.buffered", bytes: 2_000 });
    lively(29_999);
    expect(rig.of("close")).toEqual([]);
    lively(1);
    expect(rig.of("close")).toMatchObject([{ code: 4108 }]);
    expect(rig.advance(999).filter((effect) => effect.t === "terminate")).toEqual([]);
    expect(rig.advance(1)).toContainEqual({ t: "terminate" });
  });

  it("A5.2 A5.3 every number is used once, whatever waited", () => {
    const rig = full();
    for (let i = 0; i < 10; i++) rig.step(partial(big, `k${i % 3}`));
    rig.step(fin);
    while (rig.sent().at(-1)?.flags[0] !== "FIN") rig.step({ t: "socket.buffered", bytes: 0 });
    const seqs = rig.sent().map((each) => each.msg_seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 2));
  });
});

describe("router endpoint: liveness, rate and drain", () => {
  it("A9.1 sends HB after heartbeat_ms of its own silence and never answers one", () => {
    const rig = greeted();
    const heartbeat = frame({ stream_id: "0", flags: ["HB"] });
    expect(framesOf(rig.receive(heartbeat))).toEqual([]);
    expect(framesOf(rig.advance(14_999))).toEqual([]);
    expect(framesOf(rig.advance(1))).toMatchObject([{ stream_id: "0", flags: ["HB"], msg_seq: 1 }]);
    expect(framesOf(rig.advance(15_000))).toHaveLength(1);
  });

  it("A9.1 closes with 4104 when nothing was heard for max_idle_ms", () => {
    const rig = greeted();
    rig.advance(44_000);
    rig.receive(frame({ stream_id: "0", flags: ["HB"] }));
    rig.advance(44_999);
    expect(rig.of("close")).toEqual([]);
    rig.advance(1);
    expect(rig.of("close")).toMatchObject([{ code: 4104 }]);
  });

  it("A9.1 without HELLO it probes by ping and sends no HB", () => {
    const rig = open();
    rig.receive(request("st1"));
    for (let i = 0; i < 10; i++) {
      rig.advance(15_000);
      rig.step({ t: "socket.alive" });
    }
    expect(rig.of("ping").length).toBeGreaterThanOrEqual(9);
    expect(rig.sent()).toEqual([]);
    expect(rig.of("close")).toEqual([]);
    rig.advance(45_000);
    expect(rig.of("close")).toMatchObject([{ code: 4104 }]);
  });

  it("A9.5 past the rate reading pauses and goes on; for a minute on end it closes with 4129", () => {
    const rig = open();
    rig.receive(request("st1"));
    const ack = frame({ flags: ["ACK"], ack: 1 });
    for (let i = 0; i < 4_000; i++) rig.receive(ack);
    expect(rig.of("reading")).toEqual([{ t: "reading", on: false }]);
    rig.advance(100);
    expect(rig.of("reading").at(-1)).toEqual({ t: "reading", on: true });
    for (let second = 0; second < 61 && rig.of("close").length === 0; second++) {
      for (let i = 0; i < 2_200; i++) rig.receive(ack);
      rig.advance(1_000);
    }
    expect(rig.of("close")).toMatchObject([{ code: 4129 }]);
  });

  it("A9.5 a burst is no offence", () => {
    const rig = open();
    rig.receive(request("st1"));
    for (let second = 0; second < 70; second++) {
      if (second % 10 === 0) for (let i = 0; i < 4_200; i++) rig.receive(frame({ flags: ["ACK"], ack: 1 }));
      rig.step({ t: "socket.alive" });
      rig.advance(1_000);
    }
    expect(rig.of("close")).toEqual([]);
  });

  it("A9.6 drains: DRAINING, EDRAINING for new SYNs, 4000 when the last stream has ended", () => {
    const rig = greeted();
    rig.receive(request("st1"));
    rig.step({ t: "drain", resumeUrl: "wss://b/ws" });
    expect(last(rig)?.payload).toMatchObject({
      type: "control.status",
      content: { state: "DRAINING", drain_ms: 10_000, resume_url: "wss://b/ws" },
    });
    rig.receive(request("st2"));
    expect(errorOf(last(rig))).toMatchObject({ code: "EDRAINING", details: { resume_url: "wss://b/ws" } });
    expect(rig.of("close")).toEqual([]);
    rig.step(fin);
    expect(rig.of("close")).toMatchObject([{ code: 4000 }]);
  });

  it("A9.6 what is open after drain_ms ends, settled, in EDRAINING", () => {
    const rig = greeted();
    rig.receive(request("st1"));
    rig.step({ t: "drain" });
    rig.advance(10_000);
    expect(rig.of("stream.cancelled")).toMatchObject([
      { stream: "s1/st1", error: { code: "EDRAINING", processed: "maybe" } },
    ]);
    rig.step({ ...fin, flag: "RST", payload: { type: "error", content: {} } });
    expect(errorOf(last(rig)).code).toBe("EDRAINING");
    expect(rig.of("close")).toMatchObject([{ code: 4000 }]);
  });

  it("A9.6 a drain waits for what a full socket still holds back", () => {
    const rig = open({ highMarkBytes: 1_000, lowMarkBytes: 100 });
    rig.receive(request("st1"));
    while (rig.of("outbox.full").length === 0) rig.step(partial("x".repeat(300)));
    rig.step({ t: "drain" });
    rig.step(fin);
    expect(rig.of("close")).toEqual([]);
    rig.step({ t: "socket.buffered", bytes: 0 });
    expect(last(rig)?.flags).toEqual(["FIN"]);
    expect(rig.of("close")).toMatchObject([{ code: 4000 }]);
  });

  it("A2.4 without HELLO the streams lose their reader with the socket", () => {
    const rig = open();
    rig.receive(request("st1"));
    expect(rig.step({ t: "socket.closed", code: 1006, reason: "" })).toContainEqual({
      t: "stream.detached",
      stream: "s1/st1",
    });
    expect(rig.step(partial("late"))).toEqual([]);
    expect(framesOf(rig.step(fin))).toEqual([]);
    expect(rig.endpoint.openStreams()).toEqual([]);
  });
});
