/** The load of the partial path, on the floor and on the endpoint: bench-wire-load. */
import WebSocket from "ws";
import { serveControl, tellReady } from "../harness/control.js";
import { cpuMsOf } from "../harness/proc.js";

/** One turn: so many frames from a server, spread over its connections. */
export interface WireLoad {
  readonly port: number;
  readonly pid: number;
  readonly connections: number;
  readonly frames: number;
}

/** What one turn cost. */
export interface WireCost {
  /** CPU of the server, per frame. */
  readonly cpuUs: number;
  readonly framesPerSecond: number;
}

/**
 * How many partials a client takes before it acknowledges them. A client does so within a second, or at half of its credit, which
 * is 32 messages: a model that says 60 pieces a second is acknowledged about as often as this.
 */
const ACK_EVERY = 64;

const pools = new Map<string, Promise<WebSocket[]>>();
let opened = 0;

/** The path and subprotocol are the router's; the floor's server looks at neither. */
function connect(port: number): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, "atp.v1+json", { perMessageDeflate: false });
    ws.once("open", () => resolve(ws));
    ws.once("error", reject);
  });
}

function pool(load: WireLoad, greet: (ws: WebSocket) => Promise<void>): Promise<WebSocket[]> {
  const key = `${load.port}/${load.connections}`;
  let sockets = pools.get(key);
  if (sockets === undefined) {
    sockets = Promise.all(
      Array.from({ length: load.connections }, async () => {
        const ws = await connect(load.port);
        await greet(ws);
        return ws;
      }),
    );
    pools.set(key, sockets);
  }
  return sockets;
}

async function turn(
  load: WireLoad,
  sockets: readonly WebSocket[],
  drive: (ws: WebSocket, frames: number) => Promise<void>,
): Promise<WireCost> {
  const each = Math.floor(load.frames / sockets.length);
  const cpu0 = cpuMsOf(load.pid);
  const t0 = performance.now();
  await Promise.all(sockets.map((ws) => drive(ws, each)));
  const ms = performance.now() - t0;
  const frames = each * sockets.length;
  return { cpuUs: ((cpuMsOf(load.pid) - cpu0) * 1_000) / frames, framesPerSecond: (frames / ms) * 1_000 };
}

/** The floor's producer: it is told a number and sends as many frames. */
async function floor(load: WireLoad): Promise<WireCost> {
  return turn(
    load,
    await pool(load, async () => undefined),
    (ws, frames) =>
      new Promise((resolve) => {
        let count = 0;
        ws.removeAllListeners("message");
        ws.on("message", (data: Buffer) => {
          JSON.parse(data.toString());
          if (++count === frames) resolve();
        });
        ws.send(`GO jsoncork ${frames}`);
      }),
  );
}

interface Head {
  readonly msg_seq: number;
  readonly stream_id: string;
  readonly flags: readonly string[];
  readonly payload?: { readonly type: string };
}

const envelope = { v: 1, session_id: "s1" };

function hello(ws: WebSocket): Promise<void> {
  const content = { client: { name: "bench", version: "1" }, capabilities: ["resume"] };
  const payload = { type: "control.hello", content };
  return new Promise((resolve, reject) => {
    ws.once("message", (data: Buffer) => {
      const { payload: answer } = JSON.parse(data.toString()) as Head;
      if (answer?.type !== "control.welcome") return reject(new Error(`no welcome: ${data.toString()}`));
      ws.send(JSON.stringify({ ...envelope, stream_id: "0", msg_seq: 1, flags: ["ACK"] }));
      resolve();
    });
    ws.send(JSON.stringify({ ...envelope, stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload }));
  });
}

/** A stream on each connection; its partials are counted and acknowledged, and its end must come under the last number. */
async function endpoint(load: WireLoad): Promise<WireCost> {
  return turn(
    load,
    await pool(load, hello),
    (ws, frames) =>
      new Promise((resolve, reject) => {
        const streamId = `st${++opened}`;
        const ack = (seq: number): void =>
          ws.send(JSON.stringify({ ...envelope, stream_id: streamId, msg_seq: 1, flags: ["ACK"], ack: seq }));
        ws.removeAllListeners("message");
        ws.on("message", (data: Buffer) => {
          const frame = JSON.parse(data.toString()) as Head;
          if (frame.flags[0] === "MORE") {
            if (frame.msg_seq % ACK_EVERY === 0) ack(frame.msg_seq);
          } else if (frame.flags[0] === "FIN") {
            ack(frame.msg_seq);
            if (frame.msg_seq === frames + 2) resolve();
            else reject(new Error(`${frame.msg_seq - 2} partials instead of ${frames}`));
          } else if (frame.flags[0] !== "SYN") reject(new Error(data.toString()));
        });
        const payload = { type: "agent.request", content: { prompt: String(frames) } };
        ws.send(
          JSON.stringify({
            ...envelope,
            stream_id: streamId,
            msg_seq: 1,
            flags: ["SYN"],
            qos: "gold",
            ttl: 8,
            payload,
          }),
        );
      }),
  );
}

/** Connections that stay open and say nothing more. */
async function idle(options: {
  readonly port: number;
  readonly connections: number;
  readonly hello: boolean;
}): Promise<void> {
  for (let left = options.connections; left > 0; left -= 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, left) }, async () => {
        const ws = await connect(options.port);
        if (options.hello) await hello(ws);
      }),
    );
  }
}

serveControl({ floor, endpoint, idle });
tellReady();
