/** Adapters whose every call costs $0.10, one port for each router, so that it is known whose call is whose. */
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
import { CALL_TOKENS, CALL_USD_MICROS, type AdapterCount } from "./sockets-call.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const counts: AdapterCount[] = [];
let answerMs = 0;

async function listen(index: number): Promise<number> {
  const count: AdapterCount = { started: 0, billed: 0 };
  counts[index] = count;
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(AdapterService, {
        estimate: () =>
          create(EstimateResponseSchema, {
            outTokens: BigInt(CALL_TOKENS),
            usdMicros: BigInt(CALL_USD_MICROS),
            p95Tokens: BigInt(CALL_TOKENS),
            p95UsdMicros: BigInt(CALL_USD_MICROS),
            confidence: 0.9,
          }),
        async *stream() {
          count.started++;
          await sleep(answerMs);
          count.billed += CALL_USD_MICROS;
          yield create(StreamChunkSchema, {
            type: "agent.result.partial",
            contentJson: JSON.stringify({ text: "yes" }),
            confidence: 0.9,
            partialOutTokens: BigInt(CALL_TOKENS),
            partialUsdMicros: BigInt(CALL_USD_MICROS),
            more: true,
          });
          yield create(StreamChunkSchema, {
            type: "agent.result.final",
            contentJson: "{}",
            confidence: 0.9,
            more: false,
          });
        },
        health: () =>
          create(HealthResponseSchema, { p95Ms: 50, errorRate: 0, status: HealthResponse_Status.READY, name: "dime" }),
      }),
  });
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

serveControl({
  open: async ({ ports, answerMs: ms }: { ports: number; answerMs: number }) => {
    answerMs = ms;
    counts.length = 0;
    return Promise.all(Array.from({ length: ports }, (_, i) => listen(i)));
  },
  counts: () => counts,
});
tellReady();
