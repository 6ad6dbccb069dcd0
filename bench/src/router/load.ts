/** The load on the product: questions over WebSocket, and the same questions straight to the bench adapter. */
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AdapterService } from "atp-protocol/adapter";
import { serveControl, tellReady } from "../harness/control.js";
import { cpuMsOf } from "../harness/proc.js";
import { percentile } from "../harness/stats.js";
import { promptFor, type Shape } from "./answer.js";
import { Asker } from "./asker.js";

/** A round's worth of questions. */
export interface LoadOptions extends Shape {
  readonly port: number;
  /** Questions at once. */
  readonly concurrency: number;
  /** Questions in all. */
  readonly requests: number;
}

/** What a round measured. Times in milliseconds. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  readonly totalP50Ms: number;
  readonly totalP99Ms: number;
  /** CPU of the load itself, per request. */
  readonly loadCpuMs: number;
}

/** A round through a router: also its CPU per request, from just before the first SYN to just after the last FIN. */
export interface RouterLoadResult extends LoadResult {
  readonly routerCpuMs: number;
  /** CPU the router used in the 250 ms after the last FIN, per request: what it put off, and its idle cost. */
  readonly afterCpuMs: number;
}

const roundTimeoutMs = 60_000;
let asked = 0;

async function measured(
  options: LoadOptions,
  ask: (id: string, firstPiece: () => void) => Promise<void>,
): Promise<LoadResult> {
  const first: number[] = [];
  const total: number[] = [];
  const cpu0 = process.cpuUsage();
  const t0 = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < options.requests) {
      next++;
      const id = `r-${++asked}-0190a7f2-1c3e-7b5a-9d2e`;
      const start = performance.now();
      let firstAt = 0;
      await ask(id, () => {
        if (firstAt === 0) firstAt = performance.now();
      });
      first.push(firstAt - start);
      total.push(performance.now() - start);
    }
  };
  await intime(
    Promise.all(Array.from({ length: options.concurrency }, worker)),
    () => `${total.length} of ${options.requests} answered`,
  );
  const elapsed = performance.now() - t0;
  const cpu = process.cpuUsage(cpu0);
  return {
    requestsPerSecond: (options.requests / elapsed) * 1000,
    firstP50Ms: percentile(first, 0.5),
    firstP99Ms: percentile(first, 0.99),
    totalP50Ms: percentile(total, 0.5),
    totalP99Ms: percentile(total, 0.99),
    loadCpuMs: (cpu.user + cpu.system) / 1000 / options.requests,
  };
}

async function intime(work: Promise<unknown>, state: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a round took over ${roundTimeoutMs} ms: ${state()}`)), roundTimeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const askers = new Map<number, Asker[]>();

async function throughRouter(options: LoadOptions & { readonly pid: number }): Promise<RouterLoadResult> {
  const open = askers.get(options.port) ?? [];
  askers.set(options.port, open);
  while (open.length < options.concurrency) open.push(await Asker.open(options.port, `bench-${open.length}`));
  const free = open.slice(0, options.concurrency);
  const before = cpuMsOf(options.pid);
  const result = await measured(options, async (id, firstPiece) => {
    const asker = free.pop();
    if (asker === undefined) throw new Error("more questions at once than sockets");
    await asker.ask(id, options, firstPiece);
    free.push(asker);
  });
  const atEnd = cpuMsOf(options.pid);
  await new Promise((resolve) => setTimeout(resolve, 250));
  return {
    ...result,
    routerCpuMs: (atEnd - before) / options.requests,
    afterCpuMs: (cpuMsOf(options.pid) - atEnd) / options.requests,
  };
}

const directClients = new Map<number, Client<typeof AdapterService>>();

function directClient(port: number): Client<typeof AdapterService> {
  const known = directClients.get(port);
  if (known !== undefined) return known;
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(AdapterService, createGrpcTransport({ baseUrl, useBinaryFormat: true, sessionManager }));
  directClients.set(port, client);
  return client;
}

async function straight(options: LoadOptions): Promise<LoadResult> {
  const client = directClient(options.port);
  const promptJson = JSON.stringify({ prompt: promptFor(options) });
  return measured(options, async (id, firstPiece) => {
    await client.estimate({ streamId: id, taskType: "bench", promptJson });
    let chunks = 0;
    let final = false;
    for await (const chunk of client.stream({ streamId: id, taskType: "bench", promptJson })) {
      if (chunk.more) {
        chunks++;
        firstPiece();
      } else final = true;
    }
    if (chunks !== options.chunks || !final)
      throw new Error(`${id}: ${chunks} of ${options.chunks} chunks, final: ${final}`);
  });
}

serveControl({ throughRouter, straight });
tellReady();
