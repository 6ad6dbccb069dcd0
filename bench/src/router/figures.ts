import { type Goal, goal, type Info, info } from "../harness/report.js";
import { difference, ratio, type Spread, spread } from "../harness/stats.js";
import { burst, type Mode, paced, single } from "./modes.js";
import type { Turn, Turns, Variant } from "./rounds.js";

/** A run's turns, and who took them. */
export interface Measured {
  readonly turns: Turns;
  readonly product: Variant;
  readonly productDirect: Variant;
  /** The floor that ratios are to. */
  readonly floor: Variant;
  readonly floorDirect: Variant;
  /** Floors with another client, or without bunched writes; they take part in every other round. */
  readonly others: readonly Variant[];
}

const maxRatio = 1.3;
const maxAddedMs = 3;

/** Resident memory now, in MiB. */
function rssOf(variant: Variant): number {
  return variant.rssMb?.() ?? Number.NaN;
}

/** The figures that have a target. */
export function goalsOf(m: Measured): Goal[] {
  const cpuRatio = (mode: Mode): Spread => ratioOf(m, mode, m.product);
  return [
    goal(
      "R1.burst",
      "router CPU per request over the floor's, 64 at once in bursts",
      "x",
      cpuRatio(burst),
      "<=",
      maxRatio,
    ),
    goal(
      "R1.paced",
      "router CPU per request over the floor's, 8 at once, a chunk each 10 ms",
      "x",
      cpuRatio(paced),
      "<=",
      maxRatio,
    ),
    goal(
      "R2.rss",
      "resident memory after the last round over the floor's",
      "x",
      spread([rssOf(m.product) / rssOf(m.floor)]),
      "<=",
      maxRatio,
    ),
    goal(
      "R3.added_ttfp_ms",
      "median time to the first partial, less that of a direct call, 8 at once paced",
      "ms",
      lessOf(m, paced, "firstP50Ms", m.product, m.productDirect),
      "<=",
      maxAddedMs,
    ),
  ];
}

/** The figures that explain them. */
export function infosOf(m: Measured): Record<string, Info> {
  const { turns, product, productDirect, floor, floorDirect, others } = m;
  const plain = (mode: Mode, variant: Variant, figure: keyof Turn): Spread =>
    spread(turns.values(mode, variant, figure));
  const infos: Record<string, Info> = {
    "router.cpu_ms.burst": info("ms", plain(burst, product, "routerCpuMs")),
    "router.cpu_ms.paced": info("ms", plain(paced, product, "routerCpuMs")),
    "router.cpu_after_last_fin_ms.burst": info("ms", plain(burst, product, "afterCpuMs")),
    "router.rss_mb": info("MiB", spread([rssOf(product)])),
    "router.requests_per_s.burst": info("1/s", plain(burst, product, "requestsPerSecond")),
    "router.added_ttfp_ms.single": info("ms", lessOf(m, single, "firstP50Ms", product, productDirect)),
    "router.added_total_ms.paced": info("ms", lessOf(m, paced, "totalP50Ms", product, productDirect)),
    "floor.requests_per_s.burst": info("1/s", plain(burst, floor, "requestsPerSecond")),
    "floor.added_ttfp_ms.single": info("ms", lessOf(m, single, "firstP50Ms", floor, floorDirect)),
    "floor.added_ttfp_ms.paced": info("ms", lessOf(m, paced, "firstP50Ms", floor, floorDirect)),
    "router_less_floor.ttfp_ms.single": info("ms", lessOf(m, single, "firstP50Ms", product, floor)),
    "router_less_floor.ttfp_ms.paced": info("ms", lessOf(m, paced, "firstP50Ms", product, floor)),
    "router_less_floor.ttfp_ms.burst": info("ms", lessOf(m, burst, "firstP50Ms", product, floor)),
  };
  for (const variant of [floor, ...others]) {
    const id = variant.name.replaceAll(" ", "_");
    for (const mode of [burst, paced]) {
      if (!turns.has(mode, variant)) continue;
      infos[`${id}.cpu_ms.${mode.name}`] = info("ms", plain(mode, variant, "routerCpuMs"));
      if (variant !== floor) infos[`${id}.cpu_over_floor.${mode.name}`] = info("x", ratioOf(m, mode, variant));
    }
    infos[`${id}.rss_mb`] = info("MiB", spread([rssOf(variant)]));
  }
  return infos;
}

/** A router's CPU over the floor's, in the rounds in which both took part. */
function ratioOf({ turns, floor }: Measured, mode: Mode, variant: Variant): Spread {
  return ratio(turns.values(mode, variant, "routerCpuMs", floor), turns.values(mode, floor, "routerCpuMs", variant));
}

/** A figure of one variant less another's, in the rounds in which both took part. */
function lessOf({ turns }: Measured, mode: Mode, figure: keyof Turn, variant: Variant, less: Variant): Spread {
  return difference(turns.values(mode, variant, figure, less), turns.values(mode, less, figure, variant));
}
