/** Asks questions through a balancer as clients do, and holds each frame of each answer to what it must be. */
import { type AtpClient, createClient, type SocketFactory } from "atp-client";
import { AtpError } from "atp-protocol";
import WebSocket from "ws";
import { serveControl, tellReady } from "../harness/control.js";
import { answerOf, promptOf, type Question } from "./question.js";

/** A load: `streams` questions of `clients` clients, begun evenly over `spreadMs`. */
export interface LoadPlan {
  readonly name: string;
  readonly port: number;
  readonly streams: number;
  readonly clients: number;
  readonly chunks: number;
  readonly delayMs: number;
  readonly spreadMs: number;
  readonly deadlineMs: number;
  /** Clients beside them that break off every so many milliseconds and go on elsewhere. 0: none. */
  readonly observers: number;
  readonly hopMs: number;
}

/** How the questions ended. */
export interface Ends {
  readonly asked: number;
  readonly ended: number;
  /** Answers in full, letter for letter. */
  readonly whole: number;
  /** Answers with a letter missing, too many or elsewhere. */
  readonly wrong: number;
  /** Errors by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** What the first of them said. */
  readonly said: readonly string[];
  /** Ends beyond the first of a stream, as frames. */
  readonly endedTwice: number;
  /** Numbered frames that came twice, out of order, or after one that is missing. */
  readonly outOfOrder: number;
  readonly gaps: number;
  /** Questions asked again, by the code of a refusal that spent nothing. */
  readonly askedAgain: Readonly<Record<string, number>>;
  readonly billedUsdMicros: number;
  readonly resumes: number;
  readonly observed: { readonly whole: number; readonly failed: number; readonly gaps: number; readonly hops: number };
}

interface Tally {
  asked: number;
  ended: number;
  whole: number;
  wrong: number;
  failed: Record<string, number>;
  said: string[];
  endedTwice: number;
  outOfOrder: number;
  gaps: number;
  askedAgain: Record<string, number>;
  billedUsdMicros: number;
  resumes: number;
  observed: { whole: number; failed: number; gaps: number; hops: number };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const fresh = (): Tally => ({
  asked: 0,
  ended: 0,
  whole: 0,
  wrong: 0,
  failed: {},
  said: [],
  endedTwice: 0,
  outOfOrder: 0,
  gaps: 0,
  askedAgain: {},
  billedUsdMicros: 0,
  resumes: 0,
  observed: { whole: 0, failed: 0, gaps: 0, hops: 0 },
});
const count = (of: Record<string, number>, name: string): void => {
  of[name] = (of[name] ?? 0) + 1;
};

let tally = fresh();
let running: Promise<void> = Promise.resolve();

/** A client whose every numbered frame is looked at on the wire, before the client's own care for order. */
function watched(port: number, sockets?: Set<WebSocket>): AtpClient {
  const socket: SocketFactory = (address, protocols) => {
    const ws = new WebSocket(address, [...protocols], { perMessageDeflate: false });
    sockets?.add(ws);
    ws.once("close", () => sockets?.delete(ws));
    ws.on("error", () => undefined);
    return ws as never;
  };
  const client = createClient({
    url: `ws://127.0.0.1:${port}/ws`,
    socket,
    retry: { attempts: 40, baseMs: 50, maxMs: 1_000 },
    throttle: false,
  });
  const last = new Map<string, number>();
  const over = new Set<string>();
  client.on("frame", ({ direction, frame }) => {
    const { stream_id: stream, msg_seq: seq, flags = [], session_id: session } = frame;
    if (direction !== "in" || stream === "0") return;
    if (flags.includes("CTRL") || flags.includes("ACK") || flags.includes("HB")) return;
    const key = `${session}/${stream}`;
    const before = last.get(key) ?? 1;
    // Parts of one message have one number.
    if (seq !== before + 1 && !(seq === before && (frame.frag_seq ?? 0) > 0)) tally.outOfOrder++;
    last.set(key, seq);
    if (!flags.includes("FIN") && !flags.includes("RST")) return;
    if (over.has(key)) tally.endedTwice++;
    over.add(key);
  });
  client.on("resumed", () => tally.resumes++);
  client.on("gap", () => tally.gaps++);
  return client;
}

/** Asks until the question was taken: what was refused and spent nothing is asked again, as any caller may. */
async function ask(client: AtpClient, question: Question, deadlineMs: number): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    const run = client.stream(promptOf(question), { taskType: "scale", strategy: "single", deadlineMs });
    let text = "";
    try {
      for await (const event of run) if (event.type === "partial") text += event.text;
      const final = await run.final();
      tally.billedUsdMicros += run.usage?.usd ?? 0;
      const wanted = answerOf(question);
      return final.answer === wanted && text === wanted ? "whole" : "wrong";
    } catch (error) {
      const { code, processed } = error as { code?: string; processed?: string };
      tally.billedUsdMicros += run.usage?.usd ?? 0;
      if (processed === "no" && attempt < 40) {
        count(tally.askedAgain, code ?? "none");
        await sleep(100 + Math.random() * 200);
        continue;
      }
      if (tally.said.length < 20 && code !== "EAGENTDOWN")
        tally.said.push(`${question.id}: ${(error as Error).message}`);
      count(tally.failed, error instanceof AtpError ? error.code : (code ?? String(error)));
      return undefined;
    }
  }
}

async function asked(client: AtpClient, question: Question, deadlineMs: number): Promise<void> {
  tally.asked++;
  const how = await ask(client, question, deadlineMs);
  tally.ended++;
  if (how === "whole") tally.whole++;
  if (how === "wrong") tally.wrong++;
}

/** Reads one answer after the other, and leaves its socket in the middle of each again and again. */
async function observe(plan: LoadPlan, nth: number, isOver: () => boolean): Promise<void> {
  const sockets = new Set<WebSocket>();
  const client = watched(plan.port, sockets);
  let gaps = 0;
  client.on("gap", () => gaps++);
  const hop = setInterval(() => {
    for (const ws of sockets) if (ws.readyState === WebSocket.OPEN) ws.terminate();
    tally.observed.hops++;
  }, plan.hopMs);
  for (let i = 0; !isOver(); i++) {
    const { chunks, delayMs, deadlineMs } = plan;
    const how = await ask(client, { id: `${plan.name}-o${nth}-${i}`, chunks, delayMs }, deadlineMs);
    if (how === "whole") tally.observed.whole++;
    else tally.observed.failed++;
  }
  clearInterval(hop);
  tally.observed.gaps += gaps;
  await client.close();
}

async function run(plan: LoadPlan): Promise<void> {
  const clients = Array.from({ length: plan.clients }, () => watched(plan.port));
  let over = false;
  const observers = Array.from({ length: plan.observers }, (_, i) => observe(plan, i, () => over));
  const everyMs = plan.spreadMs / plan.streams;
  const began = performance.now();
  const questions = Array.from({ length: plan.streams }, async (_, i) => {
    await sleep(began + i * everyMs - performance.now());
    const { chunks, delayMs, deadlineMs, name } = plan;
    await asked(clients[i % clients.length] as AtpClient, { id: `${name}-${i}`, chunks, delayMs }, deadlineMs);
  });
  await Promise.all(questions);
  over = true;
  await Promise.all(observers);
  // What would still come a second time has come by then.
  await sleep(1_000);
  await Promise.all(clients.map((client) => client.close()));
}

serveControl({
  start: (plan: LoadPlan) => {
    tally = fresh();
    running = run(plan);
    running.catch(() => undefined);
  },
  now: (): Ends => tally,
  end: async (): Promise<Ends> => {
    await running;
    return tally;
  },
});
tellReady();
