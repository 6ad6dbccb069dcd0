import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { chunkText, promptFor, shapeOf } from "../../src/router/answer.js";
import { Asker } from "../../src/router/asker.js";

interface Frame {
  msg_seq: number;
  flags: string[];
  payload?: { type: string; content: Record<string, unknown> };
  telemetry?: Record<string, number>;
}

/** A right answer of `chunks` chunks. */
function answer(chunks: number): Frame[] {
  const partial = (chunk: number): Frame => ({
    msg_seq: chunk + 2,
    flags: ["MORE"],
    payload: { type: "agent.result.partial", content: { adapter: "bench", chunk, attempt: 0, text: chunkText } },
  });
  return [
    { msg_seq: 1, flags: ["SYN", "ACK"], payload: { type: "control.accept", content: {} } },
    ...Array.from({ length: chunks }, (_, chunk) => partial(chunk)),
    {
      msg_seq: chunks + 2,
      flags: ["FIN"],
      payload: {
        type: "agent.result.final",
        content: { ok: true, answer: chunkText.repeat(chunks), adapter: "bench" },
      },
      telemetry: { tokens: 526, usd: 48 },
    },
  ];
}

function frameAt(frames: Frame[], index: number): Frame {
  const frame = frames.at(index);
  if (frame === undefined) throw new Error(`no frame ${index}`);
  return frame;
}

describe("Asker", () => {
  let server: WebSocketServer;
  let respond: (socket: WebSocket, syn: { stream_id: string; session_id: string }) => void;

  beforeEach(async () => {
    server = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/ws" });
    server.on("connection", (socket) => {
      socket.on("message", (data: Buffer) => respond(socket, JSON.parse(data.toString()) as never));
    });
    await new Promise((resolve) => server.once("listening", resolve));
  });

  afterEach(async () => {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = (): Promise<Asker> => Asker.open((server.address() as AddressInfo).port, "s1");
  const send = (frames: Frame[]): void => {
    respond = (socket, { stream_id, session_id }) => {
      for (const frame of frames) socket.send(JSON.stringify({ v: 1, session_id, stream_id, ttl: 7, ...frame }));
    };
  };

  it("takes a right answer and tells each piece", async () => {
    const asker = await open();
    send(answer(2));
    let pieces = 0;
    await asker.ask("a", { chunks: 2, delayMs: 0 }, () => pieces++);
    await asker.ask("b", { chunks: 2, delayMs: 0 }, () => pieces++);
    expect(pieces).toBe(4);
  });

  it.each<{ name: string; change: (frames: Frame[]) => void; says: RegExp }>([
    { name: "a missing partial", change: (f) => void f.splice(2, 1), says: /msg_seq is 4, not 3/ },
    {
      name: "one partial too few, well numbered",
      change: (f) => {
        f.splice(2, 1);
        frameAt(f, 2).msg_seq = 3;
      },
      says: /1 partials, not 2/,
    },
    {
      name: "another text",
      change: (f) => {
        frameAt(f, 1).payload = { type: "agent.result.partial", content: { text: "x" } };
      },
      says: /another text/,
    },
    {
      name: "a shorter answer",
      change: (f) => {
        frameAt(f, -1).payload = { type: "agent.result.final", content: { ok: true, answer: "x" } };
      },
      says: /another length/,
    },
    {
      name: "a final that is not ok",
      change: (f) => {
        frameAt(f, -1).payload = { type: "agent.result.final", content: { ok: false } };
      },
      says: /no final/,
    },
    {
      name: "no bill",
      change: (f) => {
        delete frameAt(f, -1).telemetry;
      },
      says: /no bill/,
    },
    { name: "no SYN,ACK", change: (f) => void f.splice(0, 1), says: /before SYN,ACK/ },
    {
      name: "RST",
      change: (f) => {
        f.splice(1, 9, { msg_seq: 2, flags: ["RST"], payload: { type: "error", content: { code: "EBUDGET" } } });
      },
      says: /EBUDGET/,
    },
  ])("fails on $name", async ({ change, says }) => {
    const asker = await open();
    const frames = answer(2);
    change(frames);
    send(frames);
    await expect(asker.ask("a", { chunks: 2, delayMs: 0 }, () => undefined)).rejects.toThrow(says);
  });

  it("fails when the socket closes in the middle", async () => {
    const asker = await open();
    respond = (socket) => socket.close(4100, "overloaded");
    await expect(asker.ask("a", { chunks: 1, delayMs: 0 }, () => undefined)).rejects.toThrow(/4100 overloaded/);
  });

  it("fails on an error of the connection", async () => {
    const asker = await open();
    respond = (socket) =>
      socket.send(
        JSON.stringify({ stream_id: "0", flags: ["CTRL"], payload: { type: "error", content: { code: "EPROTO" } } }),
      );
    await expect(asker.ask("a", { chunks: 1, delayMs: 0 }, () => undefined)).rejects.toThrow(/EPROTO/);
  });
});

describe("promptFor", () => {
  it("is as long as the floor's prompt and tells its shape", () => {
    const shape = { chunks: 50, delayMs: 10 };
    expect(promptFor(shape)).toHaveLength(100);
    expect(shapeOf(promptFor(shape))).toEqual(shape);
  });

  it("refuses another prompt", () => expect(() => shapeOf("hello")).toThrow(/chunks=/));
});
