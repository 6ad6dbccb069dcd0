/** How many holds a second one core reserves and settles in process memory. */
import { createMemoryLedgerStore, systemClock } from "atp-router-core";
import type { HoldScope, LedgerStore } from "atp-router-core";
import { type Goal, goal } from "../harness/report.js";
import { spread } from "../harness/stats.js";

const OPEN = 1_000;
const PAIRS = 150_000;
const ROUNDS = 8;
const amounts = { parallel: 1, tokens: 1_000, usdMicros: 2_000 };
const limits = { parallel: 10_000, tokens: 2 ** 50, usdMicros: 2 ** 50 };

/** The three scopes of a call: 500 streams in 50 sessions of one tenant, made once as a router makes them. */
const scopes = Array.from({ length: 500 }, (_, nth): readonly HoldScope[] => [
  { source: "stream", key: `stream:${nth}`, limits },
  { source: "session", key: `session:${nth % 50}`, limits },
  { source: "tenant", key: "tenant:acme", limits },
]);

/**
 * One caller that awaits each operation; the oldest hold is settled for each new one, so that as many stay open. By CPU time of the
 * whole process, its garbage collection included: what a core does, whoever else wants it.
 */
async function round(store: LedgerStore, from: number): Promise<number> {
  const before = process.cpuUsage();
  for (let nth = from; nth < from + PAIRS; nth++) {
    await store.settle(`hold-${nth - OPEN}`, { tokens: 900, usdMicros: 1_900 });
    const { ok } = await store.reserve(`hold-${nth}`, scopes[nth % 500] as readonly HoldScope[], amounts, 60_000);
    if (!ok) throw new Error("a hold was refused that fits");
  }
  const { user, system } = process.cpuUsage(before);
  return PAIRS / ((user + system) / 1_000_000);
}

/** G3e: awaited reserve and settle calls of the store in memory, 1,000 holds open, 3 scopes each. */
export async function memoryRate(): Promise<readonly Goal[]> {
  const store = createMemoryLedgerStore(systemClock());
  for (let nth = 0; nth < OPEN; nth++)
    await store.reserve(`hold-${nth}`, scopes[nth % 500] as readonly HoldScope[], amounts, 60_000);
  const rates: number[] = [];
  for (let i = 0; i < ROUNDS; i++) rates.push(await round(store, OPEN + i * PAIRS));
  const books = await store.read("tenant:acme");
  if (books?.posted.tokens !== ROUNDS * PAIRS * 900 || books.reserved.parallel !== OPEN)
    throw new Error(`the books are wrong: ${JSON.stringify(books)}`);
  return [
    goal(
      "G3e",
      "reserve and settle pairs in a second of CPU time, awaited one by one, 1,000 holds open, 3 scopes",
      "pairs/s",
      spread(rates.slice(1)),
      ">=",
      300_000,
    ),
  ];
}
