/** An adapter that speaks for a while at a steady pace; a reader that keeps it waiting finds what it missed ready. */
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
import { answerOf, EVERY_MS, now, pieceOf } from "./piece.js";
import type { Answer } from "./piece.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const asked = (promptJson: string): Answer => answerOf((JSON.parse(promptJson) as { prompt: string }).prompt);

const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(AdapterService, {
      estimate: (request) => {
        const tokens = BigInt(asked(request.promptJson).pieces);
        return create(EstimateResponseSchema, {
          outTokens: tokens,
          usdMicros: tokens,
          p95Tokens: tokens,
          p95UsdMicros: tokens,
          confidence: 0.9,
          cancelsCleanly: true,
        });
      },
      async *stream(request) {
        const { pieces, width } = asked(request.promptJson);
        const began = now();
        for (let i = 0; i < pieces; i++) {
          const early = began + i * EVERY_MS - now();
          if (early > 0) await sleep(early);
          yield create(StreamChunkSchema, {
            type: "agent.result.partial",
            contentJson: JSON.stringify({ text: pieceOf(i, width) }),
            confidence: 0.9,
            partialOutTokens: 1n,
            partialUsdMicros: 1n,
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
        create(HealthResponseSchema, { p95Ms: 50, errorRate: 0, status: HealthResponse_Status.READY, name: "steady" }),
    }),
});

const server = createServer(handler);
server.listen(0, "127.0.0.1", () => tellReady((server.address() as AddressInfo).port));
serveControl();
