/** The load as figures: the worst of several seeds, for exact and for leased budgets. */
import { type Goal, goal, info, type Info, progress } from "../harness/report.js";
import { median, type Spread } from "../harness/stats.js";
import { type LoadOptions, type LoadResult, runLoad } from "./load.js";

const SEEDS = 3;
const LONG_SEEDS = 12;
const ROUTERS = 4;

type Kind = Omit<LoadOptions, "seed">;

async function runSeeds(kind: Kind, seeds: number): Promise<readonly LoadResult[]> {
  const results: LoadResult[] = [];
  for (let seed = 1; seed <= seeds; seed++) results.push(await runLoad({ ...kind, seed }));
  const text = results.map(({ posted, needless, cut, started }) => `${posted}/${needless}/${cut} of ${started}`);
  progress(`${kind.ledger}, ${kind.cancelsCleanly ? "cancels cleanly" : "bills whole calls"}: ${text.join(", ")}`);
  return results;
}

/** The worst of all runs is what counts; the others are told with it. */
function worst(values: readonly number[], which: "least" | "most"): Spread {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return { value: which === "least" ? min : max, min, max, rounds: values.length };
}

const middle = (values: readonly number[]): Spread => ({
  value: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  rounds: values.length,
});

function goalsOf(
  suffix: string,
  who: string,
  utilisation: number,
  clean: readonly LoadResult[],
  full: readonly LoadResult[],
): Goal[] {
  const both = [...clean, ...full];
  return [
    goal(
      `G3c${suffix}`,
      `posted/limit after the drain, ${who}; the worst run`,
      "x",
      worst(
        both.map(({ posted }) => posted),
        "least",
      ),
      ">=",
      utilisation,
    ),
    goal(
      `G3d${suffix}`,
      `final refusals while the true cost still fitted, of requests up to the oracle's exhaustion, ${who}; the worst run`,
      "",
      worst(
        both.map(({ needless, affordable }) => needless / affordable),
        "most",
      ),
      "<=",
      0.01,
    ),
    goal(
      `G3h${suffix}`,
      `answers cut by a budget, of those started, ${who}, an adapter that cancels cleanly; the worst run`,
      "",
      worst(
        clean.map(({ cut, started }) => cut / started),
        "most",
      ),
      "<=",
      0.01,
    ),
    goal(
      `G3h${suffix}.whole`,
      `answers clipped at their hold or cut, of those started, ${who}, an adapter that bills whole calls; the worst run`,
      "",
      worst(
        full.map(({ cut, started }) => cut / started),
        "most",
      ),
      "<=",
      0.01,
    ),
  ];
}

/** G3c, G3d and G3h: 64 callers who return at once and ask for three times the limit. */
export async function loadGoals(
  long: boolean,
): Promise<{ goals: readonly Goal[]; infos: Readonly<Record<string, Info>> }> {
  const seeds = long ? LONG_SEEDS : SEEDS;
  const exact = { routers: 1, ledger: "exact" } as const;
  const leased = { routers: ROUTERS, ledger: "leased" } as const;
  const exactClean = await runSeeds({ ...exact, cancelsCleanly: true }, seeds);
  const exactFull = await runSeeds({ ...exact, cancelsCleanly: false }, seeds);
  const leasedClean = await runSeeds({ ...leased, cancelsCleanly: true }, seeds);
  const leasedFull = await runSeeds({ ...leased, cancelsCleanly: false }, seeds);
  const naive = await runSeeds({ routers: ROUTERS, ledger: "naive", cancelsCleanly: true }, seeds);
  const all = [...exactClean, ...exactFull, ...leasedClean, ...leasedFull];
  return {
    goals: [
      ...goalsOf("", "one ledger", 0.95, exactClean, exactFull),
      ...goalsOf(".leased", `leased, ${ROUTERS} routers`, 0.9, leasedClean, leasedFull),
      goal(
        "G3b.load",
        "micro-dollars still reserved after the load",
        "",
        worst(
          all.map(({ reservedAfter }) => reservedAfter),
          "most",
        ),
        "==",
        0,
      ),
      goal(
        "G3a.load",
        "highest (posted + reserved)/limit in the load",
        "x",
        worst(
          all.map(({ highest }) => highest),
          "most",
        ),
        "<=",
        1,
      ),
    ],
    infos: {
      "times that a caller was told to come again (EWINDOW) and did": info(
        "times",
        middle(exactClean.map(({ again }) => again)),
      ),
      "the same, leased: come again": info("times", middle(leasedClean.map(({ again }) => again))),
      "posted/limit of check-then-charge under the same load, 4 routers": info(
        "x",
        middle(naive.map(({ posted }) => posted)),
      ),
    },
  };
}
