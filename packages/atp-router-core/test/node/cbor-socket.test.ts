import { defaultLimits } from "atp-protocol";
import type { Frame } from "atp-protocol";
import { decodeCborFrame, encodeCborFrame } from "atp-protocol/cbor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { listen } from "../../src/node/listen.js";
import type { Listener } from "../../src/node/listen.js";
import { createRouter, systemClock } from "../../src/runtime/index.js";
import type { Router } from "../../src/runtime/index.js";
import { scriptedAdapter } from "../../src/testing/index.js";

const answer = [{ text: "a" }, { text: "ü" }, { final: { confidence: 0.9 } }].map((step) => ({ afterMs: 1, ...step }));
let router: Router;
let listener: Listener;

beforeAll(async () => {
  const clock = systemClock();
  router = createRouter({ adapters: [scriptedAdapter(clock, { id: "a", answer })], clock });
  listener = await listen(router, { port: 0 });
});
afterAll(async () => {
  await router.close();
  await listener.close();
});

interface Client {
  readonly ws: WebSocket;
  readonly frames: Frame[];
  readonly until: (found: (frame: Frame) => boolean) => Promise<Frame>;
}

async function connect(offered: string[]): Promise<Client> {
  const ws = new WebSocket(`${listener.url.replace("http", "ws")}/ws`, offered);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  ws.on("message", (data: Buffer, binary: boolean) => {
    const decoded = binary ? decodeCborFrame(data, defaultLimits) : undefined;
    frames.push(decoded?.ok === true ? decoded.frame : (JSON.parse(data.toString()) as Frame));
    for (const look of waiting) look();
  });
  await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
  const until = (found: (frame: Frame) => boolean): Promise<Frame> =>
    new Promise((resolve) => {
      const look = (): void => {
        const frame = frames.find(found);
        if (frame === undefined) return;
        waiting.delete(look);
        resolve(frame);
      };
      waiting.add(look);
      look();
    });
  return { ws, frames, until };
}

const hello = (resume?: object): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: "0",
  msg_seq: 1,
  flags: ["CTRL"],
  payload: {
    type: "control.hello",
    content: {
      client: { name: "t", version: "1" },
      capabilities: ["resume"],
      ...(resume === undefined ? {} : { resume }),
    },
  },
});
const syn: Frame = {
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 1,
  flags: ["SYN"],
  payload: { type: "agent.request", content: { prompt: "hello" } },
};
const isType =
  (type: string) =>
  (frame: Frame): boolean =>
    frame.payload?.type === type;
const codeOf = (frame: Frame): unknown => (frame.payload?.content as { code?: unknown }).code;

describe("atp.v1+cbor", () => {
  it("A1.2 is spoken when it is offered first: the same frames, as bytes both ways, and a resume repeats the bytes", async () => {
    const { ws, frames, until } = await connect(["atp.v1+cbor", "atp.v1+json"]);
    expect(ws.protocol).toBe("atp.v1+cbor");
    ws.send(encodeCborFrame(hello()));
    const welcome = await until(isType("control.welcome"));
    ws.send(encodeCborFrame(syn));
    const final = await until(isType("agent.result.final"));
    expect(final).toMatchObject({ flags: ["FIN"], payload: { content: { ok: true, answer: "aü" } } });
    ws.terminate();

    const { resume_token } = welcome.payload?.content as { resume_token: string };
    const again = await connect(["atp.v1+cbor"]);
    const resume = { resume_token, streams: [{ stream_id: "st1", last_seq: 1 }] };
    again.ws.send(encodeCborFrame(hello(resume)));
    await again.until(isType("agent.result.final"));
    const numbered = (all: readonly Frame[]): Frame[] =>
      all.filter(({ stream_id, flags }) => stream_id === "st1" && !flags.includes("CTRL") && !flags.includes("ACK"));
    expect(numbered(again.frames)).toEqual(numbered(frames));
    again.ws.close();
  });

  it("A1.2 the client's order decides, and JSON is spoken with those who offer it first or nothing", async () => {
    for (const offered of [["atp.v1+json", "atp.v1+cbor"], []]) {
      const { ws, until } = await connect(offered);
      expect(ws.protocol).toBe(offered[0] ?? "");
      ws.send(JSON.stringify(hello()));
      await until(isType("control.welcome"));
      ws.close();
    }
  });

  it("A3.4 text on it is EPROTO, bytes that are no CBOR too, and the streams of the socket go on", async () => {
    const { ws, frames, until } = await connect(["atp.v1+cbor"]);
    ws.send(encodeCborFrame(hello()));
    await until(isType("control.welcome"));
    ws.send(JSON.stringify(syn));
    ws.send(Buffer.from([0xff, 0x00]));
    ws.send(encodeCborFrame(syn));
    await until(isType("agent.result.final"));
    expect(frames.filter(isType("error")).map(codeOf)).toEqual(["EPROTO", "EPROTO"]);
    ws.close();
  });

  it("A8.1 a session of JSON is not resumed as CBOR: what is kept has its encoding", async () => {
    const first = await connect([]);
    first.ws.send(JSON.stringify(hello()));
    const welcome = await first.until(isType("control.welcome"));
    first.ws.terminate();
    const { resume_token } = welcome.payload?.content as { resume_token: string };
    const { ws, until } = await connect(["atp.v1+cbor"]);
    ws.send(encodeCborFrame(hello({ resume_token, streams: [] })));
    expect(codeOf(await until(isType("error")))).toBe("ERESUME");
    ws.close();
  });
});
