/** The bench adapter: part B over the same kind of server as the floor's adapter, with the same text. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  AdapterService,
  EstimateResponseSchema,
  HealthResponse_Status,
  HealthResponseSchema,
  type StreamChunk,
  StreamChunkSchema,
} from "atp-protocol/adapter";
import { serveControl, tellReady } from "../harness/control.js";
import { bill, chunkText, type Shape, shapeOf } from "./answer.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function shapeOfRequest(promptJson: string): Shape {
  return shapeOf((JSON.parse(promptJson) as { prompt: string }).prompt);
}

const partialJson = JSON.stringify({ text: chunkText });

function chunk(index: number): StreamChunk {
  return create(StreamChunkSchema, {
    type: "agent.result.partial",
    contentJson: partialJson,
    confidence: 0.87,
    partialInTokens: index === 0 ? BigInt(bill.inTokens) : 0n,
    partialOutTokens: BigInt(bill.outTokensPerChunk),
    partialUsdMicros: BigInt(bill.usdMicrosPerChunk),
    more: true,
  });
}

const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(AdapterService, {
      estimate: (request) => {
        const { chunks } = shapeOfRequest(request.promptJson);
        const outTokens = chunks * bill.outTokensPerChunk;
        const usd = chunks * bill.usdMicrosPerChunk;
        return create(EstimateResponseSchema, {
          inTokens: BigInt(bill.inTokens),
          outTokens: BigInt(outTokens),
          usdMicros: BigInt(usd),
          p95Tokens: BigInt(bill.inTokens + outTokens),
          p95UsdMicros: BigInt(usd),
          confidence: 0.9,
        });
      },
      async *stream(request) {
        const { chunks, delayMs } = shapeOfRequest(request.promptJson);
        for (let i = 0; i < chunks; i++) {
          if (delayMs > 0) await sleep(delayMs);
          yield chunk(i);
        }
        yield create(StreamChunkSchema, {
          type: "agent.result.final",
          contentJson: "{}",
          confidence: 0.87,
          more: false,
        });
      },
      health: () =>
        create(HealthResponseSchema, {
          p95Ms: 50,
          errorRate: 0,
          status: HealthResponse_Status.READY,
          name: "bench",
          model: "bench",
        }),
    }),
});

const server = createServer(handler);
server.listen(0, "127.0.0.1", () => tellReady((server.address() as AddressInfo).port));
serveControl();
