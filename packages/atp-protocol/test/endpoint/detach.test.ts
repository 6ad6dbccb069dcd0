import { describe, expect, it } from "vitest";
import type { EndpointConfig, Frame, Grant, StreamParcel } from "../../src/index.js";
import { configOf, frame, framesOf, grant, hello, Rig, syn } from "../support/pipe.js";

const granted = (token: string): Grant => ({ ...grant, resumeToken: token, resumeTokenId: `#${token}` });

function session(capabilities = ["resume"], over: Partial<EndpointConfig> = {}): Rig {
  const rig = new Rig(configOf({ capabilities: ["resume", "credit"], ...over }));
  rig.step({ t: "socket.opened", subprotocol: "" });
  rig.receive(hello(capabilities));
  rig.step({ t: "hello.granted", grant: granted("T1") });
  rig.receive(syn());
  rig.step({ t: "stream.accept", stream: "s1/st1", qos: "gold", window: {} });
  return rig;
}
const say = (rig: Rig, text: string) =>
  rig.step({
    t: "stream.send",
    stream: "s1/st1",
    message: { payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text } } },
  });
const detach: Frame = frame({ flags: ["CTRL"], payload: { type: "control.detach", content: {} } });
const part = (rig: Rig) => rig.step({ t: "stream.part", stream: "s1/st1", resumeToken: "T2", resumeTokenId: "#T2" });
const parcelOf = (rig: Rig): StreamParcel => rig.of("stream.parted")[0]?.parcel as StreamParcel;

/** The session that the stream became, taken up by a reader that has everything up to `lastSeq`. */
function takenUp(rig: Rig, lastSeq: number): { rig: Rig; frames: Frame[] } {
  const next = new Rig(rig.config);
  next.step({ t: "session.restore", parcel: parcelOf(rig), tokenId: "#T2" });
  const streams = [{ stream_id: "st1", last_seq: lastSeq }];
  const content = { client: { name: "t", version: "1" }, capabilities: ["resume"] };
  const resume = { resume_token: "T2", streams };
  const effects = next.step({
    t: "session.attach",
    hello: { ...content, resume },
    grant: granted("T3"),
    shownTokenId: "#T2",
  });
  return { rig: next, frames: framesOf(effects) };
}
const texts = (frames: readonly Frame[]): unknown[] =>
  frames.flatMap(({ payload }) =>
    payload?.type === "agent.result.partial" ? [(payload.content as { text?: unknown }).text] : [],
  );

describe("control.detach", () => {
  it("A9.2-22 answers with a token, and the stream goes on in a session of its own, nothing lost", () => {
    const rig = session();
    say(rig, "one");
    rig.receive(detach);
    expect(rig.of("stream.detach")).toEqual([{ t: "stream.detach", stream: "s1/st1" }]);
    const [told] = framesOf(part(rig));
    expect(told).toMatchObject({
      session_id: "s1",
      stream_id: "st1",
      flags: ["CTRL"],
      payload: { type: "control.detached", content: { resume_token: "T2" } },
    });
    expect(rig.endpoint.openStreams()).toEqual([]);

    const { rig: next, frames } = takenUp(rig, 1);
    expect(frames[1]?.payload?.content).toMatchObject({
      streams: [{ stream_id: "st1", state: "live", next_seq: 2, ack: 1 }],
    });
    expect(texts([...frames, ...framesOf(say(next, "two"))])).toEqual(["one", "two"]);
    expect(next.of("tokens")).toEqual([
      { t: "tokens", valid: ["#T2"] },
      { t: "tokens", valid: ["#T2", "#T3"] },
    ]);
  });

  it("A9.2-22 what waited for credit or the socket goes along, under the next numbers", () => {
    const rig = session(["resume", "credit"]);
    for (let i = 0; i < 70; i++) say(rig, `${i};`);
    part(rig);
    const { frames } = takenUp(rig, 65);
    expect(texts(frames).join("")).toBe("64;65;66;67;68;69;");
  });

  it("A9.2-22 leaves the other streams of its session, and its id stays used", () => {
    const rig = session();
    rig.receive({ ...syn(), stream_id: "st2" });
    rig.step({ t: "stream.accept", stream: "s1/st2", qos: "gold", window: {} });
    part(rig);
    expect(rig.endpoint.openStreams()).toEqual(["s1/st2"]);
    expect(framesOf(rig.receive(syn()))[0]?.payload?.content).toMatchObject({ code: "EDUP" });
  });

  it("A9.2-9 a stream that nobody took up in time is cancelled", () => {
    const rig = session();
    part(rig);
    const next = new Rig(rig.config);
    next.step({ t: "session.restore", parcel: parcelOf(rig), tokenId: "#T2" });
    next.at += 120_000;
    next.step({ t: "timer.fired" });
    expect(next.of("stream.cancelled")).toHaveLength(1);
    expect(next.of("tokens").at(-1)?.valid).toEqual([]);
  });

  it("A9.2-22 is refused without resume, and ignored once the stream has ended or its socket is gone", () => {
    const poor = session([]);
    expect(framesOf(poor.receive(detach))[0]?.payload?.content).toMatchObject({ code: "EPROTO" });
    const gone = session();
    gone.receive(detach);
    gone.step({ t: "socket.closed", code: 1006, reason: "" });
    expect(part(gone)).toEqual([]);
    expect(gone.endpoint.openStreams()).toEqual(["s1/st1"]);
  });
});
