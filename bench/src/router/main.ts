/** What the whole router costs beside a pass-through router: CPU per request, memory, added time to the first partial. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Running, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { type Goal, goal, type Info, info, progress, readable, report } from "../harness/report.js";
import { difference, ratio, spread } from "../harness/stats.js";
import { burst, type Mode, paced, single } from "./modes.js";
import { writePage } from "./page.js";
import { checkProduct, startProduct } from "./product.js";
import {
  inTurn,
  startFloor,
  straight,
  straightToFloor,
  throughFloor,
  throughRouter,
  Turns,
  type Variant,
} from "./rounds.js";

const target = { ratio: 1.3, addedMs: 3 };

runBench(async () => {
  const options = benchOptions();
  // The first round warms up and is dropped.
  const rounds = options.long ? 13 : 6;
  const folder = mkdtempSync(join(tmpdir(), "atp-bench-"));
  const running: Running[] = [];
  const kept = async <R extends Running>(starting: Promise<R>): Promise<R> => {
    const one = await starting;
    running.push(one);
    return one;
  };
  try {
    const adapter = await kept(startChild("dist/bench-adapter.js"));
    const floorAdapter = await kept(startChild("baselines/adapter.mjs", ["connect"]));
    const load = await kept(startChild("dist/bench-load.js"));
    const floorLoad = await kept(startChild("baselines/load.mjs"));
    const router = await kept(startProduct({ adapterPort: adapter.port, logFile: join(folder, "router.log") }));
    await checkProduct(router.port);

    const product = throughRouter("router", load, router);
    const productDirect = straight("direct", load, adapter);
    const floorDirect = straightToFloor("floor direct", floorLoad, floorAdapter);
    const floorOf = async (name: string, client: string, cork: boolean): Promise<Variant> =>
      throughFloor(name, floorLoad, await kept(startFloor(floorAdapter, client, cork)));
    const floor = await floorOf("floor connect", "connect-grpc", true);
    const uncorked = await floorOf("floor connect uncorked", "connect-grpc", false);
    const grpcJs = await floorOf("floor grpc-js", "grpcjs-es", true);
    const raw = await floorOf("floor raw http2", "raw", true);
    const floors = [floor, uncorked, grpcJs, raw];

    const turns = new Turns();
    // The product and the floor stand side by side, each first in every other round.
    const order = (round: number, others: readonly Variant[]): Variant[] => [
      ...(round % 2 === 0 ? [product, floor] : [floor, product]),
      ...inTurn(others, round),
    ];
    const plan: readonly { readonly mode: Mode; readonly others: readonly Variant[] }[] = [
      { mode: burst, others: [uncorked, grpcJs, raw] },
      { mode: paced, others: [productDirect, floorDirect, grpcJs, raw] },
      { mode: single, others: [productDirect, floorDirect] },
    ];
    for (let round = 0; round < rounds; round++) {
      const told: string[] = [];
      for (const { mode, others } of plan) {
        for (const variant of order(round, others)) {
          const turn = await variant.turn(mode);
          if (round > 0) turns.add(mode, variant, turn);
          if (variant === product || variant === floor) {
            told.push(`${mode.name} ${variant.name} ${turn.routerCpuMs?.toFixed(2)} ms`);
          }
        }
      }
      progress(`round ${round + 1} of ${rounds}${round === 0 ? " (dropped)" : ""}: ${told.join(", ")}`);
    }
    const rss = new Map([product, ...floors].map((variant) => [variant, variant.rssMb?.() ?? Number.NaN]));
    const rssOf = (variant: Variant): number => rss.get(variant) ?? Number.NaN;

    const cpu = (mode: Mode, variant: Variant): number[] => turns.values(mode, variant, "routerCpuMs");
    const first = (mode: Mode, variant: Variant): number[] => turns.values(mode, variant, "firstP50Ms");
    const goals: Goal[] = [
      goal(
        "R1.burst",
        "router CPU per request over the floor's, 64 at once in bursts",
        "x",
        ratio(cpu(burst, product), cpu(burst, floor)),
        "<=",
        target.ratio,
      ),
      goal(
        "R1.paced",
        "router CPU per request over the floor's, 8 at once, a chunk each 10 ms",
        "x",
        ratio(cpu(paced, product), cpu(paced, floor)),
        "<=",
        target.ratio,
      ),
      goal(
        "R2.rss",
        "resident memory after the last round over the floor's",
        "x",
        spread([rssOf(product) / rssOf(floor)]),
        "<=",
        target.ratio,
      ),
      goal(
        "R3.added_ttfp_ms",
        "median time to the first partial, less that of a direct call, 8 at once paced",
        "ms",
        difference(first(paced, product), first(paced, productDirect)),
        "<=",
        target.addedMs,
      ),
    ];
    const infos: Record<string, Info> = {
      "router.cpu_ms.burst": info("ms", spread(cpu(burst, product))),
      "router.cpu_ms.paced": info("ms", spread(cpu(paced, product))),
      "router.cpu_after_last_fin_ms.burst": info("ms", spread(turns.values(burst, product, "afterCpuMs"))),
      "router.rss_mb": info("MiB", spread([rssOf(product)])),
      "router.requests_per_s.burst": info("1/s", spread(turns.values(burst, product, "requestsPerSecond"))),
      "router.added_ttfp_ms.single": info("ms", difference(first(single, product), first(single, productDirect))),
      "router.added_total_ms.paced": info(
        "ms",
        difference(turns.values(paced, product, "totalP50Ms"), turns.values(paced, productDirect, "totalP50Ms")),
      ),
      "floor.added_ttfp_ms.paced": info("ms", difference(first(paced, floor), first(paced, floorDirect))),
      "floor.added_ttfp_ms.single": info("ms", difference(first(single, floor), first(single, floorDirect))),
      "router_less_floor.ttfp_ms.paced": info("ms", difference(first(paced, product), first(paced, floor))),
      "router_less_floor.ttfp_ms.burst": info("ms", difference(first(burst, product), first(burst, floor))),
      "floor.requests_per_s.burst": info("1/s", spread(turns.values(burst, floor, "requestsPerSecond"))),
    };
    for (const variant of floors) {
      const id = variant.name.replaceAll(" ", "_");
      infos[`${id}.cpu_ms.burst`] = info("ms", spread(cpu(burst, variant)));
      if (variant !== uncorked) infos[`${id}.cpu_ms.paced`] = info("ms", spread(cpu(paced, variant)));
      infos[`${id}.rss_mb`] = info("MiB", spread([rssOf(variant)]));
      if (variant === floor) continue;
      infos[`${id}.cpu_over_floor.burst`] = info("x", ratio(cpu(burst, variant), cpu(burst, floor)));
      if (variant !== uncorked)
        infos[`${id}.cpu_over_floor.paced`] = info("x", ratio(cpu(paced, variant), cpu(paced, floor)));
    }
    const result = report("router", goals, infos, { rounds, dropped: 1, modes: { burst, paced, single } });
    if (options.write) progress(`wrote ${writePage(result)}`);
    process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
});
