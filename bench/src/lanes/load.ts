/** The open-loop load: requests come when they come, whatever becomes of those before. In a process of its own. */
import WebSocket from "ws";
import { serveControl, tellReady } from "../harness/control.js";
import { cpuMsOf } from "../harness/proc.js";
import { promptFor, type Shape } from "../router/answer.js";
import { random } from "./trace.js";

/** A span of load. */
export interface SpanOptions extends Shape {
  readonly port: number;
  readonly pid: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly lane: "gold" | "silver" | "bronze";
  readonly deadlineMs: number;
  readonly seed: number;
}

/** What became of it, and what it cost the router's process. */
export interface SpanResult {
  readonly asked: number;
  readonly served: number;
  readonly shed: number;
  /** Ended otherwise: late, or given up in the queue. */
  readonly other: number;
  readonly routerCpuMs: number;
  readonly seconds: number;
}

const SOCKETS = 16;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tail {
  readonly flags?: readonly string[];
  readonly payload?: {
    readonly content?: { readonly code?: string; readonly retry_after_ms?: number; readonly details?: object };
  };
}

let sockets: WebSocket[] = [];
const counts = { served: 0, shed: 0, other: 0 };

function open(port: number): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false });
    socket.once("error", reject);
    socket.once("open", () => resolve(socket));
    socket.on("message", (data: Buffer) => heard(data.toString()));
    socket.on("close", (code) => {
      if (code !== 1005 && code !== 1000) throw new Error(`the router closed a socket with ${code}`);
    });
  });
}

function heard(text: string): void {
  // Most frames are partials: they are not parsed.
  if (text.includes('"FIN"')) {
    counts.served++;
    return;
  }
  if (!text.includes('"RST"')) return;
  const { payload } = JSON.parse(text) as Tail;
  const { code, retry_after_ms: retryAfterMs, details } = payload?.content ?? {};
  const atDoor = details !== undefined && "lane" in details;
  if (code !== "EOVERLOAD" || !atDoor) {
    counts.other++;
    return;
  }
  if (retryAfterMs === undefined || retryAfterMs <= 0) throw new Error(`a refusal does not say when to come: ${text}`);
  counts.shed++;
}

let asked = 0;

function ask(options: SpanOptions): void {
  const socket = sockets[asked % SOCKETS];
  socket?.send(
    JSON.stringify({
      v: 1,
      session_id: `s${asked % SOCKETS}`,
      stream_id: `r-${++asked}`,
      msg_seq: 1,
      flags: ["SYN"],
      qos: options.lane,
      meta: { task_type: "bench", tool_permissions: ["fs.read"], deadline_ms: options.deadlineMs },
      payload: { type: "agent.request", content: { prompt: promptFor(options) } },
    }),
  );
}

async function span(options: SpanOptions): Promise<SpanResult> {
  while (sockets.length < SOCKETS) sockets.push(await open(options.port));
  const next = random(options.seed);
  const before = { ...counts };
  const cpu = cpuMsOf(options.pid);
  const start = performance.now();
  let due = start;
  let sent = 0;
  for (;;) {
    due += (-Math.log(1 - next()) * 1_000) / options.perSecond;
    if (due - start > options.seconds * 1_000) break;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    ask(options);
    sent++;
  }
  // What was let in ends, or its deadline does it.
  const over = (): number => counts.served + counts.shed + counts.other - before.served - before.shed - before.other;
  const latest = performance.now() + options.deadlineMs + 10_000;
  while (over() < sent && performance.now() < latest) await sleep(10);
  if (over() < sent) throw new Error(`${sent - over()} of ${sent} requests got no end`);
  return {
    asked: sent,
    served: counts.served - before.served,
    shed: counts.shed - before.shed,
    other: counts.other - before.other,
    routerCpuMs: cpuMsOf(options.pid) - cpu,
    seconds: (performance.now() - start) / 1_000,
  };
}

async function idle({ pid, seconds }: { readonly pid: number; readonly seconds: number }): Promise<number> {
  const cpu = cpuMsOf(pid);
  await sleep(seconds * 1_000);
  return (cpuMsOf(pid) - cpu) / seconds;
}

function close(): void {
  for (const socket of sockets) socket.close();
  sockets = [];
}

serveControl({ span, idle, close });
tellReady();
