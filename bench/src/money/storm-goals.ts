/** The storm as figures: on the books in memory, on leased chunks of them, and on check-then-charge. */
import { createMemoryLedgerStore } from "atp-router-core";
import { createLeasedLedgerStore } from "atp-router-core/redis";
import { type Goal, goal, info, type Info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { createNaiveLedger } from "./naive-ledger.js";
import { runStorm, type StormResult } from "./storm.js";

const OPERATIONS = 1_000_000;
/** Leased chunks cost a trip to the shared books for each, and the naive ledger is told beside only. */
const FEWER = 100_000;
const ROUTERS = 4;

const one = (value: number): ReturnType<typeof spread> => spread([value]);

function told(name: string, r: StormResult): void {
  const { operations, calls, crashed, repeated, late } = r;
  progress(`${name}: ${operations} operations, ${calls} calls, ${crashed} crashed, ${repeated} repeated, ${late} late`);
}

/** G3a and G3b. */
export async function stormGoals(): Promise<{ goals: readonly Goal[]; infos: Readonly<Record<string, Info>> }> {
  const exact = await runStorm({
    seed: 1,
    operations: OPERATIONS,
    stores: (clock) => [createMemoryLedgerStore(clock)],
  });
  told("storm", exact);
  const leased = await runStorm({
    seed: 2,
    operations: FEWER,
    stores(clock) {
      const shared = createMemoryLedgerStore(clock);
      return Array.from({ length: ROUTERS }, (_, i) => createLeasedLedgerStore({ shared, clock, router: `r${i}` }));
    },
  });
  told("storm, leased", leased);
  const naive = await runStorm({ seed: 3, operations: FEWER, stores: () => [createNaiveLedger()] });
  told("storm, naive", naive);
  const kinds = Object.entries(exact.byKind).map(
    ([kind, ratio]) => [`highest spend/limit, ${kind}`, info("x", one(ratio))] as const,
  );
  return {
    goals: [
      goal(
        "G3a",
        `highest spend/limit of any scope and dimension in ${OPERATIONS.toLocaleString("en")} operations of 1,000 callers at once; the least is of the scope and dimension that came least near its limit`,
        "x",
        { ...one(exact.highest), min: Math.min(...Object.values(exact.byKind)) },
        "==",
        1,
      ),
      // The ratio is told with four digits: this one sees the smallest excess.
      goal("G3a.over", "times that a scope's spend was above its limit", "times", one(exact.over), "==", 0),
      goal(
        "G3a.leased",
        `times that a scope's spend was above its limit, ${ROUTERS} routers with leased chunks, ${FEWER.toLocaleString("en")} operations`,
        "times",
        one(leased.over),
        "==",
        0,
      ),
      goal(
        "G3b",
        "parallel calls, tokens and micro-dollars still reserved after the drain",
        "",
        one(exact.reservedAfter + leased.reservedAfter),
        "==",
        0,
      ),
    ],
    infos: {
      ...Object.fromEntries(kinds),
      "highest spend/limit, leased": info("x", one(leased.highest)),
      "highest spend/limit of check-then-charge in the same storm": info("x", one(naive.highest)),
      "times above the limit of check-then-charge": info("times", one(naive.over)),
    },
  };
}
