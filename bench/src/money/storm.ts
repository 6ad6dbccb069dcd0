/** A million random operations on budgets by a thousand callers at once, with crashes, repeats and settlements out of order. */
import type { Amounts, HoldScope, LedgerStore, Limits, ReserveResult } from "atp-router-core";
import { createVirtualClock, seededRng } from "atp-router-core/testing";
import type { VirtualClock } from "atp-router-core/testing";
import { createTallies } from "./tally.js";
import type { Tallies } from "./tally.js";

/** What is varied. */
export interface StormOptions {
  readonly seed: number;
  readonly operations: number;
  /** One store a router; callers are spread over them. */
  readonly stores: (clock: VirtualClock) => readonly LedgerStore[];
}

/** What came of it. */
export interface StormResult {
  readonly operations: number;
  /** Highest spend/limit of any scope and dimension, by what adapters billed and by the ledger's own books. */
  readonly highest: number;
  /** Times that a scope's spend was above its limit. */
  readonly over: number;
  /** Highest spend/limit by kind of scope and dimension. */
  readonly byKind: Readonly<Record<string, number>>;
  /** Parallel calls, tokens and micro-dollars still reserved after the drain. */
  readonly reservedAfter: number;
  readonly calls: number;
  readonly crashed: number;
  readonly repeated: number;
  readonly late: number;
}

const CALLERS = 1_000;
const ROUND_MS = 50;
/** Longer than any hold lives, its grace included. */
const DRAIN_MS = 60_000;

const ceilings: Readonly<Record<HoldScope["source"], Limits>> = {
  stream: { parallel: 12, tokens: 40_000, usdMicros: 80_000 },
  session: { parallel: 30, tokens: 200_000, usdMicros: 400_000 },
  tenant: { parallel: 330, tokens: 3_000_000, usdMicros: 6_000_000 },
};

/** How likely a caller who is refused begins anew, rather than wait for what others hold: the outer a scope, the later. */
const IMPATIENCE: Readonly<Record<HoldScope["source"], number>> = { stream: 0.2, session: 0.05, tenant: 0.0004 };

type Operation = () => Promise<unknown>;

interface Call {
  readonly hold: string;
  readonly scopes: readonly HoldScope[];
  held: Amounts;
  readonly deadlineAt: number;
  phase: "reserved" | "running";
  extensions: number;
}

interface Caller {
  readonly nth: number;
  readonly store: LedgerStore;
  call: Call | undefined;
}

/** Runs the storm; the same seed gives the same run. */
export async function runStorm({ seed, operations, stores: make }: StormOptions): Promise<StormResult> {
  const clock = createVirtualClock(seed);
  const rng = seededRng(seed);
  const chance = (p: number): boolean => rng.u32() / 2 ** 32 < p;
  const below = (n: number): number => rng.u32() % n;
  const stores = make(clock);
  const tallies = createTallies();
  const callers = Array.from(
    { length: CALLERS },
    (_, nth): Caller => ({ nth, store: stores[nth % stores.length] as LedgerStore, call: undefined }),
  );
  /** How often each scope was replaced by a fresh one. */
  const generations = new Map<string, number>();
  /** Operations that were sent lately: any may be sent again. */
  const history: Operation[] = [];
  const late: { readonly dueAt: number; readonly operation: Operation }[] = [];
  const counts = { operations: 0, calls: 0, crashed: 0, repeated: 0, late: 0 };

  function send<T>(operation: () => Promise<T>): Promise<T> {
    counts.operations++;
    keep(operation);
    return operation();
  }

  function keep(operation: Operation): void {
    if (history.length < 4_096) history.push(operation);
    else history[below(history.length)] = operation;
  }

  /** Each router has 60 sessions, each session 4 streams at a time; tenants are everybody's. */
  function scopesOf({ nth }: Caller): HoldScope[] {
    const router = nth % stores.length;
    const session = `${router}.${below(60)}`;
    const names = { stream: `${session}.${below(4)}`, session, tenant: `t${below(3)}` };
    return (["stream", "session", "tenant"] as const).map((source) => {
      const name = `${source}:${names[source]}`;
      const key = `${name}@${generations.get(name) ?? 0}`;
      tallies.open(key, source, ceilings[source]);
      return { source, key, limits: ceilings[source] };
    });
  }

  async function begin(caller: Caller): Promise<void> {
    const scopes = scopesOf(caller);
    const hold = `h${counts.calls++}`;
    const ttlMs = chance(0.02) ? ROUND_MS : 1_000 + below(1_000);
    let asked: Amounts = { parallel: 1, tokens: below(2_000), usdMicros: below(4_000) };
    const deadlineAt = clock.now() + ttlMs;
    for (let attempt = 0; attempt < 2; attempt++) {
      const id = `${hold}#${attempt}`;
      const amounts = asked;
      const reserve = (): Promise<ReserveResult> => caller.store.reserve(id, scopes, amounts, ttlMs);
      counts.operations++;
      const result = await reserve();
      if (result.ok) {
        // One that was refused would be a new hold when it came again, of which nobody knows.
        keep(reserve);
        caller.call = { hold: id, scopes, held: amounts, deadlineAt, phase: "reserved", extensions: 0 };
        return;
      }
      const { refusal, left } = result;
      const { tokens = Infinity, usdMicros = Infinity } = left;
      if (refusal.remedy === "raise" || tokens <= 0 || usdMicros <= 0) {
        const spent = scopes.find(({ source }) => source === refusal.limitSource);
        // Some do not wait for what is held by others, but begin anew.
        if (spent !== undefined && (refusal.remedy === "raise" || chance(IMPATIENCE[spent.source]))) replace(spent.key);
        return;
      }
      asked = { parallel: 1, tokens: Math.min(asked.tokens, tokens), usdMicros: Math.min(asked.usdMicros, usdMicros) };
    }
  }

  /** A scope that is spent gives way to a fresh one, as at the end of a period or of a session. */
  function replace(key: string): void {
    const [name = "", generation = "0"] = key.split("@");
    if ((generations.get(name) ?? 0) !== Number(generation)) return;
    generations.set(name, Number(generation) + 1);
    // Whoever has its name from this round may still use it.
    if (!key.startsWith("tenant:"))
      late.push({ dueAt: clock.now() + 20_000, operation: () => Promise.all(ownersOf(key).map((s) => s.forget(key))) });
  }

  /** What the adapter bills: up to its declared ceiling, often all of it. */
  function bill({ held, scopes }: Call): { tokens: number; usdMicros: number } {
    const all = chance(0.4);
    const used = {
      tokens: all ? held.tokens : below(held.tokens + 1),
      usdMicros: all ? held.usdMicros : below(held.usdMicros + 1),
    };
    for (const { key } of scopes) tallies.billed(key, used);
    return used;
  }

  async function step(caller: Caller): Promise<void> {
    const { store, call } = caller;
    if (chance(0.1) && history.length > 0) {
      counts.repeated++;
      counts.operations++;
      await (history[below(history.length)] as Operation)();
      return;
    }
    if (call === undefined) return begin(caller);
    const { hold } = call;
    if (chance(0.003)) return crash(caller);
    if (call.phase === "reserved") {
      if (chance(0.1) || clock.now() >= call.deadlineAt) {
        caller.call = undefined;
        await send(() => store.void(hold));
        return;
      }
      call.phase = "running";
      await send(() => store.dispatched(hold));
      return;
    }
    if (chance(0.3) && clock.now() < call.deadlineAt) {
      const attempt = ++call.extensions;
      const more = { parallel: 0, tokens: below(800), usdMicros: below(1_600) };
      const { ok } = await send(() => store.extend(hold, attempt, more));
      if (ok)
        call.held = {
          parallel: call.held.parallel,
          tokens: call.held.tokens + more.tokens,
          usdMicros: call.held.usdMicros + more.usdMicros,
        };
      return;
    }
    caller.call = undefined;
    const used = bill(call);
    const settle = (): Promise<void> => send(() => store.settle(hold, used));
    if (!chance(0.15)) return settle();
    counts.late++;
    // Some come only after their hold has expired.
    late.push({ dueAt: clock.now() + below(chance(0.05) ? 20_000 : 1_000), operation: settle });
  }

  /** The caller forgets its call; an adapter that has it bills all the same. */
  function crash(caller: Caller): void {
    counts.crashed++;
    if (caller.call?.phase === "running") bill(caller.call);
    caller.call = undefined;
  }

  async function moveCeilings(): Promise<void> {
    for (const { key, source, limits } of tallies.some(below, 2)) {
      if (source === "tenant" && chance(0.9)) continue;
      // Lowered ones let holds finish: what was posted and reserved then may still be spent (A7.6).
      const factor = chance(0.5) ? 1.1 : 0.8;
      const next = {
        parallel: Math.ceil((limits.parallel ?? 0) * factor),
        tokens: Math.ceil((limits.tokens ?? 0) * factor),
        usdMicros: Math.ceil((limits.usdMicros ?? 0) * factor),
      };
      for (const store of ownersOf(key)) {
        const before = await store.read(key);
        if (before === undefined) continue;
        counts.operations++;
        await store.setLimit(key, next);
        tallies.limit(key, next, before);
      }
    }
  }

  /** The stores that know a scope: a session's own router, for a tenant any one. */
  function ownersOf(key: string): readonly LedgerStore[] {
    const router = key.startsWith("tenant:") ? 0 : Number(key.slice(key.indexOf(":") + 1).split(".")[0]);
    return stores.slice(router, router + 1);
  }

  async function look(all: boolean): Promise<number> {
    let reserved = 0;
    for (const { key } of all ? tallies.all() : tallies.some(below, 40)) {
      for (const store of ownersOf(key)) {
        const balance = await store.read(key);
        if (balance === undefined) continue;
        tallies.books(key, balance);
        reserved += balance.reserved.parallel + balance.reserved.tokens + balance.reserved.usdMicros;
      }
    }
    return reserved;
  }

  for (let round = 0; counts.operations < operations; round++) {
    // A whole router goes down with all its calls, now and then.
    if (round % 97 === 96) {
      const lost = below(4);
      for (const caller of callers) if (caller.nth % 4 === lost && caller.call !== undefined) crash(caller);
    }
    await Promise.all(callers.map(step));
    for (let i = late.length - 1; i >= 0; i--) {
      if ((late[i] as (typeof late)[number]).dueAt > clock.now()) continue;
      const [due] = late.splice(i, 1);
      await due?.operation();
    }
    await moveCeilings();
    await look(false);
    await clock.advance(ROUND_MS);
    await Promise.all(stores.map((store) => store.sweep()));
  }
  // Whoever still has a call is lost with it; what was late comes.
  for (const caller of callers) if (caller.call !== undefined) crash(caller);
  await Promise.all(late.map(({ operation }) => operation()));
  await drain(clock, stores);
  const reservedAfter = await look(true);
  return { ...counts, ...resultOf(tallies), reservedAfter };
}

async function drain(clock: VirtualClock, stores: readonly LedgerStore[]): Promise<void> {
  for (let passed = 0; passed < DRAIN_MS; passed += 5_000) {
    await clock.advance(5_000);
    await Promise.all(stores.map((store) => store.sweep()));
  }
}

function resultOf(tallies: Tallies): Pick<StormResult, "highest" | "over" | "byKind"> {
  const { highest, over, byKind } = tallies.told();
  return { highest, over, byKind };
}
