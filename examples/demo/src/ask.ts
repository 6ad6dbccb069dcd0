import { performance } from "node:perf_hooks";
import { createClient } from "atp-client";
import type { FinalResult, FrameEvent, RunEvent, Window } from "atp-client";
import type { DemoArgs } from "./args.js";
import type { Stack } from "./stack.js";

/** What the question is asked with, beside its words. */
export interface Asked {
  readonly window: Window;
  readonly namespace: string;
  /** Key under which the FINAL is stored. */
  readonly key: string;
}

/** What a viewer of the run is told. */
export interface Viewer {
  /** Each frame of the router, in order, up to the one that ends the stream. */
  frame(frame: FrameEvent["frame"]): void;
  event(event: RunEvent, atMs: number): void;
}

/** What the question will be asked with. @param id names this run in shared memory */
export function askedWith(args: DemoArgs, id: string): Asked {
  return {
    window: { max_parallel: 4, max_tokens: args.maxTokens, max_usd_micros: args.maxUsdMicros },
    namespace: `default/demo/${id}`,
    key: "answer",
  };
}

/**
 * Asks the router and tells the viewer all that comes.
 * @throws AtpError when the router refuses or fails, AtpLocalError when the connection is lost
 */
export async function ask(stack: Stack, args: DemoArgs, asked: Asked, viewer: Viewer): Promise<FinalResult> {
  await using client = createClient({ url: stack.routerUrl, sessionId: "demo" });
  const askedAt = performance.now();
  const run = client.stream(args.question, {
    qos: args.qos,
    strategy: args.strategy,
    taskType: "qa",
    tools: ["fs.read"],
    window: asked.window,
    memory: { namespace: asked.namespace, write: [asked.key] },
    deadlineMs: 60_000,
  });
  let ended = false;
  client.on("frame", ({ direction, frame }) => {
    if (direction === "out" || ended) return;
    viewer.frame(frame);
    ended = frame.stream_id === run.streamId && (frame.flags.includes("FIN") || frame.flags.includes("RST"));
  });
  for await (const event of run) viewer.event(event, performance.now() - askedAt);
  return run.final();
}

/** How long the answer may take into memory: the router writes it after the FINAL. */
const WRITTEN_WITHIN_MS = 3_000;

/** Bytes of the stored answer, read back from the memory gateway; undefined when it is not the answer that was given. */
export async function readBack(stack: Stack, asked: Asked, final: FinalResult): Promise<number | undefined> {
  const deadline = performance.now() + WRITTEN_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${stack.memoryUrl}/v1/memory/${asked.namespace}/${asked.key}`);
    const text = await response.text();
    if (response.ok) {
      const stored = JSON.parse(text) as { object?: { answer?: unknown } };
      return stored.object?.answer === final.answer ? Buffer.byteLength(text) : undefined;
    }
    if (response.status !== 404 || performance.now() > deadline) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
