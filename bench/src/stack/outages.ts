/** What a router does while the policy server or the memory gateway is down, slow, or talks nonsense. Real processes and sockets. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, isAtpError } from "atp-client";
import { type Running, startProgram } from "../harness/children.js";
import { promptFor } from "../router/answer.js";

const REQUESTS = 50;
const POLICY_TIMEOUT_MS = 500;

/** What became of the requests of one outage. */
export interface Outage {
  readonly name: string;
  readonly requests: number;
  readonly answered: number;
  /** Refused with `EPOLICY`. */
  readonly denied: number;
  readonly slowestMs: number;
  /** The process lives and says so. */
  readonly up: boolean;
  /** Answers whose telemetry said that memory was left out. */
  readonly toldSkipped: number;
}

const faults: Readonly<Record<string, RequestListener>> = {
  slow: () => undefined,
  garbage: (_request, response) => void response.end("<html>not what you asked for</html>"),
  "without result": (_request, response) => void response.end("{}"),
  "an error": (_request, response) => void response.writeHead(500).end(),
};

async function listening(listener: RequestListener): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function ask(router: Running, name: string, memory: boolean): Promise<Outage> {
  const client = createClient({ url: `ws://127.0.0.1:${router.port}/ws` });
  let answered = 0;
  let denied = 0;
  let slowestMs = 0;
  let toldSkipped = 0;
  const one = async (): Promise<void> => {
    const began = performance.now();
    const run = client.stream(
      promptFor({ chunks: 2, delayMs: 0 }),
      memory ? { memory: { namespace: "default/notes", read: ["k"] } } : {},
    );
    try {
      const { telemetry } = await run.final();
      answered++;
      const told = (telemetry as { readonly memory?: { readonly skipped?: unknown } } | undefined)?.memory;
      if (told?.skipped !== undefined) toldSkipped++;
    } catch (error) {
      if (isAtpError(error) && error.code === "EPOLICY") denied++;
      else throw error;
    }
    slowestMs = Math.max(slowestMs, performance.now() - began);
  };
  // A few at once: what waits for its time limit must not hold the others.
  for (let i = 0; i < REQUESTS; i += 10) await Promise.all(Array.from({ length: 10 }, one));
  await client.close();
  const health = await fetch(`http://127.0.0.1:${router.port}/healthz`);
  return { name, requests: REQUESTS, answered, denied, slowestMs, up: health.ok, toldSkipped };
}

/** Runs one router for each outage of what `variable` names. @param adapterPort of the bench's adapter */
export async function outages(variable: "OPA_URL" | "MEMORY_GATEWAY_URL", adapterPort: number): Promise<Outage[]> {
  const results: Outage[] = [];
  for (const name of ["down", ...Object.keys(faults)]) {
    const folder = mkdtempSync(join(tmpdir(), "atp-stack-"));
    const configFile = join(folder, "config.json");
    const limits = { policy_timeout_ms: POLICY_TIMEOUT_MS, memory_timeout_ms: 200, estimate_timeout_ms: 20_000 };
    writeFileSync(
      configFile,
      JSON.stringify({ limits, ...(variable === "OPA_URL" ? { policy: { cache_ms: 0 } } : {}) }),
    );
    const fault = await listening(faults[name] ?? (() => undefined));
    // A port that nobody listens on any more.
    if (name === "down") fault.close();
    const router = await startProgram("examples/router/dist/main.js", {
      env: {
        HOST: "127.0.0.1",
        PORT: "0",
        ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapterPort}`]),
        LOG_LEVEL: "error",
        ATP_CONFIG: configFile,
        [variable]: fault.url,
      },
      logFile: join(folder, "router.log"),
    });
    try {
      results.push(await ask(router, name, variable === "MEMORY_GATEWAY_URL"));
    } finally {
      await router.stop();
      fault.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return results;
}

/** The time limit of a policy decision, as these routers are configured. */
export const policyTimeoutMs = POLICY_TIMEOUT_MS;
