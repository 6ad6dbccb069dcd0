/** The client and what it is measured against, in a process of its own: bench-client-load. */
import { type AtpClient, createClient, type SocketFactory } from "atp-client";
import WebSocket from "ws";
import { cutRuns } from "../../../packages/atp-client/test/support/cut-runs.js";
import { serveControl, tellReady } from "../harness/control.js";
import { cpuMsOf } from "../harness/proc.js";
import { percentile } from "../harness/stats.js";
import type { Asked } from "./server.js";

/** CPU of this process for so many partials. */
export interface Cost {
  readonly cpuMs: number;
  readonly partials: number;
}

const prompt = (asked: Asked): string => JSON.stringify(asked);
const url = (port: number): string => `ws://127.0.0.1:${port}/ws`;
let opened = 0;

/** The floor: `ws` and JSON.parse of each message, without a greeting, credit or acknowledgement. */
async function bare({ port, pieces }: { readonly port: number; readonly pieces: number }): Promise<Cost> {
  const ws = new WebSocket(url(port), "atp.v1+json", { perMessageDeflate: false });
  await new Promise((resolve) => ws.once("open", resolve));
  const before = cpuMsOf(process.pid);
  let partials = 0;
  await new Promise<void>((resolve) => {
    ws.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { flags: string[]; payload?: { type: string } };
      if (frame.payload?.type === "agent.result.partial") partials++;
      if (frame.flags[0] === "FIN") resolve();
    });
    const content = { prompt: prompt({ pieces, everyMs: 0 }) };
    const head = { v: 1, session_id: "s1", stream_id: `st${++opened}`, msg_seq: 1, flags: ["SYN"] };
    ws.send(JSON.stringify({ ...head, payload: { type: "agent.request", content } }));
  });
  const cpuMs = cpuMsOf(process.pid) - before;
  ws.terminate();
  return { cpuMs, partials };
}

/** The client as it is used: resume, credit, fragments, and `for await`. */
async function client({ port, pieces }: { readonly port: number; readonly pieces: number }): Promise<Cost> {
  const atp = createClient({ url: url(port) });
  await atp.stream(prompt({ pieces: 1, everyMs: 0 })).final();
  const before = cpuMsOf(process.pid);
  let partials = 0;
  for await (const event of atp.stream(prompt({ pieces, everyMs: 0 }))) if (event.type === "partial") partials++;
  const cpuMs = cpuMsOf(process.pid) - before;
  await atp.close();
  return { cpuMs, partials };
}

/** 200 streams at once on one socket; told is the 95th percentile of a piece's time from server to reader, in milliseconds. */
async function streams(asked: {
  readonly port: number;
  readonly count: number;
  readonly stalled: boolean;
}): Promise<number> {
  const atp = createClient({ url: url(asked.port) });
  const pieces = { pieces: 60, everyMs: 50 };
  const times: number[] = [];
  // It reads one piece, and then nothing for the whole turn.
  const slow = atp.stream(prompt({ pieces: 1_000_000, everyMs: asked.stalled ? 0 : 50 }));
  const reader = slow[Symbol.asyncIterator]();
  for (let next = await reader.next(); !next.done && next.value.type !== "partial"; next = await reader.next());
  if (!asked.stalled) void drain(reader);
  await Promise.all(
    Array.from({ length: asked.count - 1 }, async () => {
      for await (const event of atp.stream(prompt(pieces)))
        if (event.type === "partial") times.push(performance.timeOrigin + performance.now() - Number(event.text));
    }),
  );
  await slow.cancel();
  await atp.close();
  if (times.length !== (asked.count - 1) * pieces.pieces) throw new Error(`${times.length} pieces came`);
  return percentile(times, 0.95);
}

async function drain(reader: AsyncIterator<unknown>): Promise<void> {
  try {
    while ((await reader.next()).done !== true);
  } catch {
    // The turn's end cancels it.
  }
}

/** Streams and lost connections for a while; told is the heap after a collection, in KiB, ten times. */
async function soak({ port, ms }: { readonly port: number; readonly ms: number }): Promise<number[]> {
  const sockets = new Set<WebSocket>();
  const socket: SocketFactory = (address, protocols) => {
    const ws = new WebSocket(address, [...protocols], { perMessageDeflate: false });
    sockets.add(ws);
    ws.once("close", () => sockets.delete(ws));
    return ws as never;
  };
  const atp = createClient({ url: url(port), socket, retry: { baseMs: 5, maxMs: 20, attempts: 1_000 } });
  const heaps: number[] = [];
  const began = performance.now();
  let lost = 0;
  for (let sample = 0; sample < 10; sample++) {
    const end = began + (ms * (sample + 1)) / 10;
    while (performance.now() < end) {
      await read(atp, 2_000);
      // Between runs and in the middle of one: the server forgets a lost session, so that run is cut.
      if (++lost % 5 === 0) {
        const cut = read(atp, 1_000_000);
        setTimeout(() => {
          for (const ws of sockets) ws.terminate();
        }, 5);
        await cut;
      }
    }
    (globalThis as { gc?: () => void }).gc?.();
    heaps.push(process.memoryUsage().heapUsed / 1_024);
  }
  await atp.close();
  return heaps;
}

async function read(atp: AtpClient, pieces: number): Promise<void> {
  try {
    for await (const _event of atp.stream(prompt({ pieces, everyMs: 0 })));
  } catch (error) {
    if ((error as { code?: string }).code !== "ECUT") throw error;
  }
}

serveControl({ bare, client, streams, soak, cuts: ({ count }: { readonly count: number }) => cutRuns(count) });
tellReady();
