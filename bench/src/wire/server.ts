/** One WebSocket server whose router endpoints stream partials, with resume on: bench-wire-server. */
import type { AddressInfo, Socket } from "node:net";
import {
  createRouterEndpoint,
  decodeFrame,
  defaultLimits,
  type Encoded,
  type EndpointEffect,
  type EndpointEvent,
  encodeRouterFrame,
  type Frame,
} from "atp-protocol";
import { type WebSocket, WebSocketServer } from "ws";
import { serveControl, tellReady } from "../harness/control.js";
import { heapBytes } from "./memory.js";

/** As long as the floor's text, so that both frames have about the same size. */
const text = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ".repeat(3).slice(0, 118);

/** The floor's burst and its bound of unsent bytes. */
const BURST = 64;
const UNSENT_BYTES = 262_144;

const sizeOf = (data: Encoded): number => (typeof data === "string" ? Buffer.byteLength(data) : data.byteLength);
const now = (): number => performance.now();
const limits = { ...defaultLimits, heartbeat_ms: 600_000, max_idle_ms: 1_200_000 };
let sessions = 0;
let frameBytes = 0;

function serve(ws: WebSocket): void {
  const net = (ws as unknown as { readonly _socket: Socket })._socket;
  net.setNoDelay(true);
  const endpoint = createRouterEndpoint({
    role: "router",
    limits,
    capabilities: ["resume"],
    encode: encodeRouterFrame,
    sizeOf,
  });
  let timer: NodeJS.Timeout | undefined;

  function step(event: EndpointEvent): void {
    for (const effect of endpoint.step(event)) perform(effect);
  }

  function perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        frameBytes = effect.data.length;
        ws.send(effect.data, { binary: false });
        return;
      case "timer":
        clearTimeout(timer);
        if (effect.at !== null)
          timer = setTimeout(() => step({ at: now(), t: "timer.fired" }), effect.at - performance.now());
        return;
      case "close":
        ws.close(effect.code, effect.reason);
        return;
      case "hello": {
        const id = `session-${++sessions}`;
        step({
          at: now(),
          t: "hello.granted",
          grant: {
            epoch: id,
            resumeToken: `${id}-0190a7f2-1c3e-7b5a-9d2e-3f4a5b6c7d8e`,
            server: { name: "bench", version: "1" },
            levels: [1],
            lease: { max_parallel: 64, max_tokens: 1_000_000, max_usd_micros: 1_000_000 },
            principal: { tenant: "default", sub: "bench" },
          },
        });
        return;
      }
      case "stream.opened":
        step({ at: now(), t: "stream.accept", stream: effect.stream, qos: effect.frame.qos ?? "silver", window: {} });
        pump(effect.stream, piecesOf(effect.frame));
        return;
      case "violation":
        throw new Error(effect.error.message);
      default:
    }
  }

  /** The floor's loop, with an endpoint between the message and the socket. */
  function pump(stream: string, pieces: number): void {
    let chunk = 0;
    const turn = (): void => {
      // One look at the clock for a turn, as a host does that is handed a batch.
      const at = now();
      net.cork();
      for (let burst = 0; chunk < pieces && burst < BURST && ws.bufferedAmount < UNSENT_BYTES; burst++) {
        const content = { adapter: "a-1", chunk: chunk++, attempt: 0, text };
        step({
          at,
          t: "stream.send",
          stream,
          message: { payload: { type: "agent.result.partial", content, confidence: 0.87 }, mergeKey: "a-1/0" },
        });
      }
      if (chunk === pieces)
        step({
          at,
          t: "stream.end",
          stream,
          flag: "FIN",
          payload: { type: "agent.result.final", content: { ok: true, answer: "" } },
          telemetry: { tokens: 0, usd: 0, latency_ms: 0 },
        });
      net.uncork();
      step({ at, t: "socket.buffered", bytes: ws.bufferedAmount });
      if (chunk < pieces) setImmediate(turn);
    };
    turn();
  }

  ws.on("message", (data: Buffer) => {
    const bytes = data.length;
    const decoded = decodeFrame(data.toString(), limits);
    if (decoded.ok) step({ at: now(), t: "socket.frame", frame: decoded.frame, bytes });
    else step({ at: now(), t: "socket.refused", refusal: decoded.refusal, bytes });
  });
  ws.on("close", () => clearTimeout(timer));
  step({ at: now(), t: "socket.opened", subprotocol: "atp.v1+json" });
}

/** The load asks for a number of pieces in its prompt. */
function piecesOf(frame: Frame): number {
  return Number((frame.payload?.content as { readonly prompt: string }).prompt);
}

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
sockets.on("connection", serve);
serveControl({ frameBytes: () => frameBytes, mem: () => ({ heapUsed: heapBytes() }) });
sockets.on("listening", () => tellReady((sockets.address() as AddressInfo).port));
