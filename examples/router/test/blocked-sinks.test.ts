import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { chunk, foreignAdapter, message } from "./support/foreign-adapter.js";
import { start } from "./support/process.js";
import { RawSocket } from "./support/raw-socket.js";

const STREAMS = 400;
/** More than any pipe holds: each of these streams is logged in over a kilobyte at `debug`. */
const taskType = "qa".padEnd(100, "q");

const syn = (stream: string): string =>
  JSON.stringify({
    ...{ v: 1, session_id: "s1", stream_id: stream, msg_seq: 1, flags: ["SYN"], qos: "silver", ttl: 8 },
    meta: { task_type: taskType },
    payload: { type: "agent.request", content: { prompt: "hello" } },
  });

/** A collector that takes a connection and a request, and never answers. */
async function silentCollector(): Promise<string> {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a sink that blocks holds up no stream, and not the end of the process", () => {
  it.each<[string, boolean, () => Promise<Record<string, string>>]>([
    ["standard error that nobody reads", true, () => Promise.resolve({ LOG_LEVEL: "debug" })],
    [
      "a collector that never answers",
      false,
      async () => ({
        OTEL_EXPORTER_OTLP_ENDPOINT: await silentCollector(),
        OTEL_BSP_SCHEDULE_DELAY: "50",
        OTEL_METRIC_EXPORT_INTERVAL: "100",
        OTEL_METRIC_EXPORT_TIMEOUT: "90",
      }),
    ],
  ])(
    "%s",
    async (_, unread, env) => {
      const adapter = await foreignAdapter({
        estimate: (_request, done) => done(null, message([1, 10n], [2, 20n], [3, 30n], [8, 0.8])),
        stream: (call) => {
          call.write(chunk("final", { answer: "forty-two" }, [3, 0.9]));
          call.end();
        },
        health: (_request, done) => done(null, message([1, 50])),
      });
      onTestFinished(() => adapter.close());
      const { child, ready } = start("examples/router", {
        PORT: "0",
        ADAPTER_ENDPOINTS: JSON.stringify([adapter.url]),
        ...(await env()),
      });
      const url = await ready;
      if (unread) child.stderr?.removeAllListeners("data").pause();
      const socket = await RawSocket.open(url);
      onTestFinished(() => socket.close());
      for (let i = 0; i < STREAMS; i += 20) {
        const some = Array.from({ length: 20 }, (_one, j) => `st${i + j}`);
        for (const stream of some) socket.send(syn(stream));
        for (const stream of some) expect((await socket.end(stream)).flags).toEqual(["FIN"]);
      }
      const health = await fetch(`${url}/healthz`);
      expect(health.status).toBe(200);

      const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      expect(await exit).toBe(0);
    },
    30_000,
  );
});
