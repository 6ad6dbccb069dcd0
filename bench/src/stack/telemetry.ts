/** What telemetry costs: the same router with all of it on and with none, by the method of the router's own bench. */
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Controlled, type Running, startChild } from "../harness/children.js";
import { progress } from "../harness/report.js";
import { ratio, type Spread, spread } from "../harness/stats.js";
import { burst, paced, single } from "../router/modes.js";
import { checkProduct, type ProductOptions, startProduct } from "../router/product.js";
import { inTurn, throughRouter, Turns, type Variant } from "../router/rounds.js";

/** CPU of the router with telemetry over that without, and what came at the collector. */
export interface TelemetryCost {
  readonly burst: Spread;
  readonly paced: Spread;
  readonly exports: number;
  /** The same ratio of two equal routers without telemetry, of one turn each in bursts: what of the ratios is noise. */
  readonly equal: Spread;
  /** Turns that were taken anew because a router refused a question for want of CPU: other work ran on the machine. */
  readonly repeated: number;
}

/** The second router without telemetry where it is told apart from the first. */
const other = { name: "off again" };
const TRIES = 6;
const BREATH_MS = 3_000;

/** A load whose turn is taken anew, by new sockets, after a router that was short of CPU refused a question of it. */
export async function patientLoad(): Promise<Controlled & { readonly repeated: number }> {
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

/** A router of one kind, with a folder and a log of its own. */
async function routerOf(name: string, adapterPort: number, folder: string, endpoint?: string): Promise<Running> {
  const own = join(folder, name);
  mkdirSync(own);
  return startProduct({
    adapterPort,
    logFile: join(own, "router.log"),
    ...(endpoint === undefined ? {} : allTelemetry(endpoint, own)),
  });
}

/**
 * On: {@link allTelemetry}. Both log at info and serve `/metrics`, as every router does. The collector is this process.
 *
 * There are two routers of each kind, and the way back of a round is that of the second pair: two processes of one program differ by more
 * than telemetry costs, for as long as they live.
 */
export async function telemetryCost(adapter: Controlled, folder: string, rounds: number): Promise<TelemetryCost> {
  const collector = await startCollector();
  const routers: Running[] = [];
  const load = await patientLoad();
  const started = async (kind: "on" | "off", pair: number): Promise<Variant> => {
    const endpoint = kind === "on" ? collector.endpoint : undefined;
    const router = await routerOf(`${kind}-${pair}`, adapter.port, folder, endpoint);
    routers.push(router);
    await checkProduct(router.port);
    return throughRouter(kind, load, router);
  };
  try {
    const pairs: (readonly [Variant, Variant])[] = [];
    for (const pair of [1, 2]) pairs.push([await started("on", pair), await started("off", pair)]);
    const [[on, off], [onAgain, offAgain]] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    const turns = new Turns();
    const offs = new Turns();
    // A router that has run nothing yet is slow, and would refuse some of 64 questions at once.
    for (const mode of [single, paced, burst]) for (const variant of pairs.flat()) await variant.turn(mode);
    for (let round = 0; round <= rounds; round++) {
      try {
        for (const mode of [burst, paced]) {
          const there = inTurn([on, off], round);
          for (const variant of [...there, ...inTurn([onAgain, offAgain], round).reverse()]) {
            const turn = await variant.turn(mode);
            // The first round warms up and is dropped.
            if (round === 0) continue;
            turns.add(round, mode, variant, turn);
            if (variant === off) offs.add(round, mode, off, turn);
            if (variant === offAgain) offs.add(round, mode, other, turn);
          }
        }
      } catch (error) {
        // A machine too busy for one more round has said what it could; without any round the figure is missing.
        progress(`telemetry: round ${round} could not be taken: ${String(error).slice(0, 300)}`);
        break;
      }
      progress(`telemetry: round ${round} of ${rounds}`);
    }
    /** CPU of `a` over that of `b`. */
    const of = (mode: typeof burst, all: Turns, a: { readonly name: string }, b: { readonly name: string }): Spread =>
      all.has(mode, a) && all.has(mode, b)
        ? ratio(all.values(mode, a, "routerCpuMs", b), all.values(mode, b, "routerCpuMs", a))
        : spread([Number.NaN]);
    return {
      burst: of(burst, turns, on, off),
      paced: of(paced, turns, on, off),
      equal: of(burst, offs, off, other),
      exports: collector.exports,
      repeated: load.repeated,
    };
  } finally {
    await Promise.all([...routers.map((router) => router.stop()), load.stop()]);
    collector.close();
  }
}
