/** A hundred clients in a process of their own, some of which stop reading and come back in the end. */
import { createClient, isAtpError } from "atp-client";
import type { AtpRun, ClientClock, ClientSocket, RunEvent } from "atp-client";
import WebSocket from "ws";
import { serveControl, tellReady } from "../harness/control.js";
import { percentile } from "../harness/stats.js";
import { EVERY_MS, LONG, now, piecesOf, promptOf, SHORT } from "./piece.js";
import type { Answer } from "./piece.js";

/** A span of reading. */
export interface SpanOptions {
  readonly port: number;
  readonly clients: number;
  /** How many of them stop reading: every second one its socket, the others only their run. */
  readonly stalled: number;
  readonly seconds: number;
  /** When they stop, in seconds from the beginning. */
  readonly stallAfter: number;
}

/** What became of it. */
export interface SpanResult {
  /** From the adapter to a healthy reader, in milliseconds. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly pieces: number;
  /** Runs that ended with one final whose answer is every piece once, in order, and is what the reader had read. */
  readonly whole: number;
  /** Of those that had stopped. */
  readonly wholeStalled: number;
  /** Refused at the door with EOVERLOAD: they were never let in, so that there was nothing to lose. */
  readonly refused: number;
  readonly resumed: number;
  readonly gaps: number;
}

type Read = "whole" | "refused" | "broken";

interface Reader {
  readonly run: AtpRun;
  readonly read: Promise<Read>;
  stop(): void;
  goOn(): void;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether a text is every piece from the first to the last, once and in order. */
function isWhole(text: string, { pieces, width }: Answer): boolean {
  let next = 0;
  for (const { index } of piecesOf(text, width)) if (index !== next++) return false;
  return next === pieces;
}

/** A clock that stands still with its program: what stopped, as a frozen page, finds nothing out either. */
function stoppableClock(): { readonly clock: ClientClock; stop(): void; goOn(): void } {
  let stopped = false;
  const due = new Set<() => void>();
  return {
    clock: {
      now: () => performance.now(),
      after(delayMs, fn) {
        const timer = setTimeout(() => {
          if (stopped) due.add(fn);
          else fn();
        }, delayMs);
        return () => {
          clearTimeout(timer);
          due.delete(fn);
        };
      },
    },
    stop: () => void (stopped = true),
    goOn() {
      stopped = false;
      for (const fn of due) fn();
      due.clear();
    },
  };
}

function reader(port: number, answer: Answer, by: "socket" | "run", told: (piece: number) => void): Reader {
  let socket: WebSocket | undefined;
  let wake: (() => void) | undefined;
  let waits: Promise<void> | undefined;
  const time = stoppableClock();
  const client = createClient({
    clock: time.clock,
    url: `ws://127.0.0.1:${port}/ws`,
    socket: (url, protocols) => {
      socket = new WebSocket(url, [...protocols], { perMessageDeflate: false });
      return socket as unknown as ClientSocket;
    },
  });
  const run = client.stream(promptOf(answer), { window: { max_parallel: 1, max_tokens: 100_000 } });
  const read = async (): Promise<Read> => {
    let text = "";
    let final: Extract<RunEvent, { type: "final" }> | undefined;
    let finals = 0;
    let attempt = 0;
    let hasGap = false;
    for await (const event of run) {
      if (event.type === "partial") {
        // A gap begins anew: what was read before is void.
        if (event.attempt > attempt) text = "";
        attempt = event.attempt;
        text += event.text;
        for (const { at } of piecesOf(event.text, answer.width)) told(now() - at);
      }
      if (event.type === "gap") hasGap = true;
      if (event.type === "final") {
        finals++;
        final = event;
      }
      if (waits !== undefined) await waits;
    }
    await client.close();
    // After a gap some pieces are gone; the answer is not.
    const isGood = finals === 1 && isWhole(final?.answer ?? "", answer) && (hasGap || final?.answer === text);
    return isGood ? "whole" : "broken";
  };
  return {
    run,
    read: read().catch((error: unknown) => {
      process.stderr.write(`a reader failed: ${error instanceof Error ? error.message : String(error)}\n`);
      return isAtpError(error) && error.code === "EOVERLOAD" ? "refused" : "broken";
    }),
    stop() {
      if (by === "socket") {
        socket?.pause();
        time.stop();
      } else waits = new Promise((resolve) => (wake = resolve));
    },
    goOn() {
      // A socket that stood still is dead to the router by now; the client finds out and resumes.
      if (by === "socket") {
        time.goOn();
        socket?.terminate();
      }
      waits = undefined;
      wake?.();
    },
  };
}

async function span(options: SpanOptions): Promise<SpanResult> {
  const pieces = Math.round((options.seconds * 1_000) / EVERY_MS);
  const latencies: number[] = [];
  let resumed = 0;
  let gaps = 0;
  const readers: Reader[] = [];
  for (let i = 0; i < options.clients; i++) {
    const isStalled = i < options.stalled;
    // The same ones have long pieces and are left out of the latencies with and without a stall.
    const counts = i >= options.clients / 10;
    const answer = { pieces, width: counts ? SHORT : LONG };
    const one = reader(options.port, answer, i % 2 === 0 ? "socket" : "run", (ms) => {
      if (counts) latencies.push(ms);
    });
    one.run.on("resumed", () => resumed++);
    one.run.on("gap", () => gaps++);
    readers.push(one);
    if (isStalled) setTimeout(() => one.stop(), options.stallAfter * 1_000);
    // Spread over a pace, so that pieces do not come all at once.
    await sleep(EVERY_MS / options.clients + 1);
  }
  await Promise.all(readers.slice(options.stalled).map(({ read }) => read));
  for (const one of readers.slice(0, options.stalled)) one.goOn();
  const ends = await Promise.all(readers.map(({ read }) => read));
  const count = (of: readonly Read[], read: Read): number => of.filter((one) => one === read).length;
  return {
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    pieces: latencies.length,
    whole: count(ends, "whole"),
    wholeStalled: count(ends.slice(0, options.stalled), "whole"),
    refused: count(ends, "refused"),
    resumed,
    gaps,
  };
}

serveControl({ span });
tellReady();
