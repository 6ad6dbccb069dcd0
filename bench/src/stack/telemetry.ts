/** What telemetry costs: the same router with all of it on and with none, by the method of the router's own bench. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Controlled, startChild } from "../harness/children.js";
import { progress } from "../harness/report.js";
import { ratio, type Spread, spread } from "../harness/stats.js";
import { burst, paced, single } from "../router/modes.js";
import { checkProduct, type ProductOptions, startProduct } from "../router/product.js";
import { inTurn, mirrored, throughRouter, Turns } from "../router/rounds.js";

/** CPU of the router with telemetry over that without, and what came at the collector. */
export interface TelemetryCost {
  readonly burst: Spread;
  readonly paced: Spread;
  readonly exports: number;
  /** Turns that were taken anew because a router refused a question for want of CPU: other work ran on the machine. */
  readonly repeated: number;
}

const TRIES = 6;
const BREATH_MS = 3_000;

/** A load whose turn is taken anew, by new sockets, after a router that was short of CPU refused a question of it. */
async function patientLoad(): Promise<Controlled & { readonly repeated: number }> {
  let load = await startChild("dist/bench-load.js");
  let repeated = 0;
  return {
    get pid() {
      return load.pid;
    },
    get port() {
      return load.port;
    },
    get repeated() {
      return repeated;
    },
    stop: () => load.stop(),
    async call<Result>(operation: string, argument?: unknown): Promise<Result> {
      for (let attempt = 1; ; attempt++) {
        try {
          return await load.call<Result>(operation, argument);
        } catch (error) {
          if (attempt === TRIES || !String(error).includes("EOVERLOAD")) throw error;
          repeated++;
          await load.stop();
          await new Promise((resolve) => setTimeout(resolve, BREATH_MS));
          load = await startChild("dist/bench-load.js");
        }
      }
    },
  };
}

/** Takes every export and counts it. */
export interface Collector {
  readonly exports: number;
  readonly endpoint: string;
  close(): void;
}

/** An OTLP collector that keeps nothing. */
export async function startCollector(): Promise<Collector> {
  let exports = 0;
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      exports++;
      response.setHeader("content-type", "application/json");
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    get exports() {
      return exports;
    },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** All of a router's telemetry: traces of every request and metrics over OTLP, the audit log, decision records. */
export function allTelemetry(endpoint: string, folder: string): Pick<ProductOptions, "env" | "config"> {
  return {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    config: {
      telemetry: { sample_ratio: 1, audit: { file: join(folder, "audit.jsonl") } },
      learning: { mode: "off", records_file: join(folder, "records.jsonl") },
    },
  };
}

/**
 * On: {@link allTelemetry}. Both log at info and serve `/metrics`, as every
 * router does. The collector is this process.
 */
export async function telemetryCost(adapter: Controlled, folder: string, rounds: number): Promise<TelemetryCost> {
  const collector = await startCollector();
  const off = await startProduct({ adapterPort: adapter.port, logFile: join(folder, "off.log") });
  const on = await startProduct({
    adapterPort: adapter.port,
    logFile: join(folder, "on.log"),
    ...allTelemetry(collector.endpoint, folder),
  });
  const load = await patientLoad();
  try {
    for (const { port } of [off, on]) await checkProduct(port);
    const variants = [throughRouter("on", load, on), throughRouter("off", load, off)] as const;
    const turns = new Turns();
    // A router that has run nothing yet is slow, and would refuse some of 64 questions at once.
    for (const mode of [single, paced]) for (const variant of variants) await variant.turn(mode);
    for (let round = 0; round <= rounds; round++) {
      try {
        for (const mode of [burst, paced]) {
          for (const variant of mirrored(inTurn(variants, round))) {
            const turn = await variant.turn(mode);
            // The first round warms up and is dropped.
            if (round > 0) turns.add(round, mode, variant, turn);
          }
        }
      } catch (error) {
        // A machine too busy for one more round has said what it could; without any round the figure is missing.
        progress(`telemetry: round ${round} could not be taken: ${String(error).slice(0, 300)}`);
        break;
      }
      progress(`telemetry: round ${round} of ${rounds}`);
    }
    const [withIt, without] = variants;
    const of = (mode: typeof burst): Spread =>
      turns.has(mode, withIt) && turns.has(mode, without)
        ? ratio(turns.values(mode, withIt, "routerCpuMs", without), turns.values(mode, without, "routerCpuMs", withIt))
        : spread([Number.NaN]);
    return { burst: of(burst), paced: of(paced), exports: collector.exports, repeated: load.repeated };
  } finally {
    await Promise.all([off.stop(), on.stop(), load.stop()]);
    collector.close();
  }
}
