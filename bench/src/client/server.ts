/** A router's endpoint with everything on, that says what it is asked to: bench-client-server. */
import type { AddressInfo, Socket } from "node:net";
import {
  createRouterEndpoint,
  decodeFrame,
  defaultLimits,
  type Encoded,
  type EndpointEffect,
  type EndpointEvent,
  encodeRouterFrame,
} from "atp-protocol";
import { type WebSocket, WebSocketServer } from "ws";
import { serveControl, tellReady } from "../harness/control.js";

/** What a stream's prompt asks for, as JSON. */
export interface Asked {
  readonly pieces: number;
  /** Milliseconds from piece to piece; 0: as fast as it goes. Then each piece tells when it was sent. */
  readonly everyMs: number;
}

/** Makes a frame of 250 bytes. */
const TEXT = "lorem ipsum dolor sit amet consectetur adipiscing elit".slice(0, 50);
const BURST = 64;
const UNSENT_BYTES = 262_144;

const sizeOf = (data: Encoded): number => (typeof data === "string" ? Buffer.byteLength(data) : data.byteLength);
const now = (): number => performance.now();
const limits = { ...defaultLimits, heartbeat_ms: 600_000, max_idle_ms: 1_200_000, frames_per_s: 1_000_000 };
let sessions = 0;
let frameBytes = 0;

function serve(ws: WebSocket): void {
  const net = (ws as unknown as { readonly _socket: Socket })._socket;
  net.setNoDelay(true);
  const endpoint = createRouterEndpoint({
    role: "router",
    limits,
    capabilities: ["resume", "credit", "fragments"],
    encode: encodeRouterFrame,
    sizeOf,
  });
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const full = new Set<string | null>();
  const resume = new Map<string, () => void>();

  function step(event: EndpointEvent): void {
    for (const effect of endpoint.step(event)) perform(effect);
  }

  function perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        if (effect.data.length > 200 && effect.data.length < 300) frameBytes = effect.data.length;
        ws.send(effect.data, { binary: false });
        return;
      case "timer":
        clearTimeout(timer);
        if (effect.at !== null) timer = setTimeout(() => step({ at: now(), t: "timer.fired" }), effect.at - now());
        return;
      case "close":
        ws.close(effect.code, effect.reason);
        return;
      case "terminate":
        ws.terminate();
        return;
      case "hello": {
        const id = `session-${++sessions}`;
        const grant = {
          epoch: id,
          resumeToken: `${id}-0190a7f2-1c3e-7b5a-9d2e-3f4a5b6c7d8e`,
          server: { name: "bench", version: "1" },
          levels: [1],
          lease: { max_parallel: 64, max_tokens: 1_000_000, max_usd_micros: 1_000_000 },
          principal: { tenant: "default", sub: "bench" },
        };
        step({ at: now(), t: "hello.granted", grant });
        return;
      }
      case "outbox.full":
        full.add(effect.stream);
        return;
      case "outbox.room":
        full.delete(effect.stream);
        for (const [stream, go] of resume) if (effect.stream === null || effect.stream === stream) setImmediate(go);
        return;
      case "stream.opened": {
        const { stream, frame } = effect;
        step({ at: now(), t: "stream.accept", stream, qos: "silver", window: {} });
        const { prompt } = frame.payload?.content as { readonly prompt: string };
        pump(stream, JSON.parse(prompt) as Asked);
        return;
      }
      case "stream.cancelled":
        resume.delete(effect.stream);
        end(effect.stream, "RST");
        return;
      default:
    }
  }

  function pump(stream: string, { pieces, everyMs }: Asked): void {
    let chunk = 0;
    let isWaiting = false;
    const isFull = (): boolean => full.has(stream) || full.has(null) || ws.bufferedAmount >= UNSENT_BYTES;
    const turn = (): void => {
      isWaiting = false;
      if (isOver || !resume.has(stream)) return;
      net.cork();
      const most = everyMs > 0 ? 1 : BURST;
      for (let burst = 0; chunk < pieces && burst < most && !isFull(); burst++) {
        const text = everyMs > 0 ? String(performance.timeOrigin + now()) : TEXT;
        const content = { adapter: "a-1", chunk: chunk++, attempt: 0, text };
        const payload = { type: "agent.result.partial", content };
        step({ at: now(), t: "stream.send", stream, message: { payload } });
      }
      if (chunk === pieces) {
        resume.delete(stream);
        end(stream, "FIN");
      }
      net.uncork();
      step({ at: now(), t: "socket.buffered", bytes: ws.bufferedAmount });
      if (chunk === pieces || isWaiting) return;
      // Without room for this stream its `outbox.room` goes on; without room in the socket the next turn looks again.
      if (full.has(stream) && everyMs === 0) return;
      isWaiting = true;
      if (everyMs > 0) setTimeout(turn, everyMs);
      else setImmediate(turn);
    };
    resume.set(stream, () => {
      if (!isWaiting) turn();
    });
    turn();
  }

  function end(stream: string, flag: "FIN" | "RST"): void {
    const content = { ok: true, answer: "" };
    const payload = flag === "FIN" ? { type: "agent.result.final", content } : { type: "control.cancel", content: {} };
    step({ at: now(), t: "stream.end", stream, flag, payload, telemetry: { tokens: 0, usd: 0, latency_ms: 0 } });
  }

  ws.on("message", (data: Buffer) => {
    const decoded = decodeFrame(data.toString(), limits);
    if (decoded.ok) step({ at: now(), t: "socket.frame", frame: decoded.frame, bytes: data.length });
    else step({ at: now(), t: "socket.refused", refusal: decoded.refusal, bytes: data.length });
  });
  ws.on("close", () => {
    isOver = true;
    clearTimeout(timer);
  });
  step({ at: now(), t: "socket.opened", subprotocol: "atp.v1+json" });
}

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
sockets.on("connection", serve);
serveControl({ frameBytes: () => frameBytes });
sockets.on("listening", () => tellReady((sockets.address() as AddressInfo).port));
