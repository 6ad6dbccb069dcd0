/** An adapter that knows each question by its id: how often it was called for it, and what it billed. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  AdapterService,
  EstimateResponseSchema,
  HealthResponse_Status,
  HealthResponseSchema,
  StreamChunkSchema,
} from "atp-protocol/adapter";
import { serveControl, tellReady } from "../harness/control.js";
import { CHUNK_TOKENS, CHUNK_USD_MICROS, pieceOf, questionOf } from "./question.js";

/** What the adapter saw since it was last asked to forget. */
export interface Seen {
  readonly questions: number;
  /** Questions that it was called for more than once. */
  readonly twice: number;
  /** Micro-dollars of all chunks that it sent, whoever heard them. */
  readonly billedUsdMicros: number;
  /** Calls that were cut off. */
  readonly cut: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const calls = new Map<string, number>();
let billed = 0;
let cut = 0;

function promptIn(json: string): string {
  const { prompt, messages } = JSON.parse(json) as { prompt?: string; messages?: readonly { content: string }[] };
  // The door passes on the messages of OpenAI's clients.
  return prompt ?? messages?.[0]?.content ?? "";
}

const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(AdapterService, {
      estimate: (request) => {
        const { chunks } = questionOf(promptIn(request.promptJson));
        return create(EstimateResponseSchema, {
          outTokens: BigInt(chunks * CHUNK_TOKENS),
          usdMicros: BigInt(chunks * CHUNK_USD_MICROS),
          p95Tokens: BigInt(chunks * CHUNK_TOKENS),
          p95UsdMicros: BigInt(chunks * CHUNK_USD_MICROS),
          confidence: 0.9,
        });
      },
      async *stream(request, { signal }) {
        const { id, chunks, delayMs } = questionOf(promptIn(request.promptJson));
        calls.set(id, (calls.get(id) ?? 0) + 1);
        for (let i = 0; i < chunks; i++) {
          if (delayMs > 0) await sleep(delayMs);
          if (signal.aborted) {
            cut++;
            return;
          }
          billed += CHUNK_USD_MICROS;
          yield create(StreamChunkSchema, {
            type: "agent.result.partial",
            contentJson: JSON.stringify({ text: pieceOf(id, i) }),
            confidence: 0.9,
            partialOutTokens: BigInt(CHUNK_TOKENS),
            partialUsdMicros: BigInt(CHUNK_USD_MICROS),
            more: true,
          });
        }
        yield create(StreamChunkSchema, {
          type: "agent.result.final",
          contentJson: "{}",
          confidence: 0.9,
          more: false,
        });
      },
      health: () =>
        create(HealthResponseSchema, { p95Ms: 50, errorRate: 0, status: HealthResponse_Status.READY, name: "scale" }),
    }),
});

serveControl({
  seen: (): Seen => ({
    questions: calls.size,
    twice: [...calls.values()].filter((n) => n > 1).length,
    billedUsdMicros: billed,
    cut,
  }),
  forget: () => {
    calls.clear();
    billed = 0;
    cut = 0;
  },
});
const server = createServer(handler);
server.listen(0, "127.0.0.1", () => tellReady((server.address() as AddressInfo).port));
