/** The same router with each gRPC client behind AdapterPort: which one it should use. */
import { type Running, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { type Info, info, progress, readable, report } from "../harness/report.js";
import { difference, ratio, spread } from "../harness/stats.js";
import { burst, paced, single } from "../router/modes.js";
import { writePage } from "../router/page.js";
import { inTurn, startFloor, straight, throughFloor, throughRouter, Turns, type Variant } from "../router/rounds.js";
import { clientNames } from "./names.js";

runBench(async () => {
  const options = benchOptions();
  // The first round warms up and is dropped.
  const rounds = options.long ? 13 : 6;
  const running: Running[] = [];
  const kept = async <R extends Running>(starting: Promise<R>): Promise<R> => {
    const one = await starting;
    running.push(one);
    return one;
  };
  try {
    const adapter = await kept(startChild("dist/bench-adapter.js"));
    const load = await kept(startChild("dist/bench-load.js"));
    const floorAdapter = await kept(startChild("baselines/adapter.mjs", ["connect"]));
    const floorLoad = await kept(startChild("baselines/load.mjs"));
    const floor = throughFloor("floor", floorLoad, await kept(startFloor(floorAdapter, "connect-grpc", true)));
    const direct = straight("direct", load, adapter);
    const variants: Variant[] = [];
    for (const name of clientNames) {
      const router = await kept(startChild("dist/bench-router.js", [name, `http://127.0.0.1:${adapter.port}`]));
      variants.push(throughRouter(name, load, router));
    }

    const turns = new Turns();
    for (let round = 0; round < rounds; round++) {
      for (const mode of [burst, paced, single]) {
        const others = mode === burst ? [floor] : [floor, direct];
        for (const variant of inTurn([...variants, ...others], round)) {
          const turn = await variant.turn(mode);
          if (round > 0) turns.add(round, mode, variant, turn);
        }
      }
      progress(`round ${round + 1} of ${rounds}${round === 0 ? " (dropped)" : ""}`);
    }

    const reference = variants.find(({ name }) => name === "connect-node");
    if (reference === undefined) throw new Error("connect-node is not among the clients");
    const figures: Record<string, Info> = {};
    for (const variant of variants) {
      for (const mode of [burst, paced]) {
        const cpu = turns.values(mode, variant, "routerCpuMs");
        figures[`${variant.name}.cpu_ms.${mode.name}`] = info("ms", spread(cpu));
        figures[`${variant.name}.cpu_over_connect.${mode.name}`] = info(
          "x",
          ratio(cpu, turns.values(mode, reference, "routerCpuMs")),
        );
        figures[`${variant.name}.cpu_over_floor.${mode.name}`] = info(
          "x",
          ratio(cpu, turns.values(mode, floor, "routerCpuMs")),
        );
      }
      for (const mode of [paced, single]) {
        figures[`${variant.name}.added_ttfp_ms.${mode.name}`] = info(
          "ms",
          difference(turns.values(mode, variant, "firstP50Ms"), turns.values(mode, direct, "firstP50Ms")),
        );
      }
      figures[`${variant.name}.requests_per_s.burst`] = info(
        "1/s",
        spread(turns.values(burst, variant, "requestsPerSecond")),
      );
      figures[`${variant.name}.rss_mb`] = info("MiB", spread([variant.rssMb?.() ?? Number.NaN]));
    }
    const result = report("clients", [], figures, { rounds, dropped: 1, modes: { burst, paced, single } });
    if (options.write) progress(`wrote ${writePage(result)}`);
    process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
});
