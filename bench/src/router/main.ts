/** What the whole router costs beside a pass-through router: CPU per request, memory, added time to the first partial. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Running, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { goalsOf, infosOf, type Measured } from "./figures.js";
import { burst, type Mode, paced, single } from "./modes.js";
import { writePage } from "./page.js";
import { checkProduct, startProduct } from "./product.js";
import {
  inTurn,
  mirrored,
  startFloor,
  straight,
  straightToFloor,
  throughFloor,
  throughRouter,
  Turns,
  type Variant,
} from "./rounds.js";

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

    const turns = new Turns();
    const warm = new Turns();
    const extra = [uncorked, grpcJs, raw];
    for (let round = 0; round < rounds; round++) {
      // Figures without a goal are taken in every other round. It takes two thousand requests to warm a router up.
      const others = round === 0 ? [...extra, ...extra, ...extra] : round % 2 === 1 ? extra : [];
      const plan: readonly { readonly mode: Mode; readonly sequence: readonly Variant[] }[] = [
        { mode: burst, sequence: [...mirrored(inTurn([product, floor], round)), ...others] },
        {
          mode: paced,
          sequence: [
            ...mirrored(inTurn([productDirect, product, floor], round)),
            ...(others.length > 0 ? [floorDirect, grpcJs, raw] : []),
          ],
        },
        { mode: single, sequence: mirrored(inTurn([productDirect, product, floor, floorDirect], round)) },
      ];
      for (const { mode, sequence } of plan) {
        for (const variant of sequence) {
          const turn = await variant.turn(mode);
          if (round > 0) turns.add(round, mode, variant, turn);
          else warm.add(round, mode, variant, turn);
        }
      }
      const from = round > 0 ? turns : warm;
      const told = [burst, paced].flatMap((mode) =>
        [product, floor].map(
          (v) => `${mode.name} ${v.name} ${(from.values(mode, v, "routerCpuMs").at(-1) ?? Number.NaN).toFixed(2)} ms`,
        ),
      );
      progress(`round ${round + 1} of ${rounds}${round === 0 ? " (dropped)" : ""}: ${told.join(", ")}`);
    }
    const measured: Measured = { turns, product, productDirect, floor, floorDirect, others: extra };
    const goals = goalsOf(measured);
    const infos = infosOf(measured);
    const result = report("router", goals, infos, { rounds, dropped: 1, modes: { burst, paced, single } });
    if (options.write) progress(`wrote ${writePage(result)}`);
    process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
    // Only a run that failed leaves its log.
    rmSync(folder, { recursive: true });
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
});
