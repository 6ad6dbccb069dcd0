import { EXPIRY_GRACE_MS } from "../money/index.js";
import type { Amounts, HoldScope, Limits, Ms, ReserveResult, ScopeBalance } from "../model/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";

/** What a lease is made with. */
export interface LeaseOptions {
  readonly scope: HoldScope;
  readonly shared: LedgerStore;
  readonly clock: Clock;
  /** A chunk's share of what is left. */
  readonly share: number;
  readonly idleMs: Ms;
  readonly ageMs: Ms;
  /** What names of its chunks begin with. */
  readonly name: string;
  /** Something that was held is free again. */
  readonly freed: () => void;
}

/** One shared scope's chunks at this router. */
export interface Lease {
  /** The shared scope's key. */
  readonly scope: string;
  /** Holds inside a chunk that is there; false when none has room. */
  tryHold(hold: string, amounts: Amounts, ttlMs: Ms): boolean;
  /** Holds, with a new chunk when none has room. @throws StoreUnavailable */
  hold(hold: string, amounts: Amounts, ttlMs: Ms): Promise<ReserveResult>;
  /** @throws StoreUnavailable */
  extend(hold: string, more: Amounts): Promise<ReserveResult>;
  /** Takes an extension back. */
  shrink(hold: string, more: Amounts): void;
  /** The hold's chunk has a call that left. @throws StoreUnavailable */
  dispatched(hold: string): Promise<void>;
  /** Ends a hold inside its chunk; resolves when a chunk that ended with it is given back. */
  post(hold: string, used: { readonly tokens: number; readonly usdMicros: number }): Promise<void>;
  release(hold: string): Promise<void>;
  /** Takes no hold into the chunks there are any more, and gives back those without one. */
  giveBack(): Promise<void>;
  close(): void;
}

interface Chunk {
  readonly id: string;
  /** What no hold has; negative after an overrun. */
  left: Amounts;
  posted: { tokens: number; usdMicros: number };
  readonly open: Map<string, Amounts>;
  readonly bornAt: Ms;
  readonly expiresAt: Ms;
  usedAt: Ms;
  dispatched: boolean;
  retired: boolean;
  /** Extensions of the chunk itself. */
  grown: number;
}

const dimensions = ["parallel", "tokens", "usdMicros"] as const;
/** Where there is no ceiling a chunk is so many holds. */
const UNLIMITED_HOLDS = 64;
const SETTLE_RETRY_MS = 250;

const granted: ReserveResult = { ok: true };
const done = Promise.resolve();

/** A lease of a shared scope. */
export function createLease({ scope, shared, clock, share, idleMs, ageMs, name, freed }: LeaseOptions): Lease {
  const chunks = new Set<Chunk>();
  const chunkOf = new Map<string, Chunk>();
  let nth = 0;
  let fetching: Promise<ReserveResult> | undefined;
  let stopTimer: (() => void) | undefined;
  let closed = false;

  function take(chunk: Chunk, hold: string, amounts: Amounts): void {
    chunk.left = minus(chunk.left, amounts);
    chunk.open.set(hold, plus(chunk.open.get(hold), amounts));
    chunk.usedAt = clock.now();
    // Without a share a chunk is one hold, and every rule is the shared books' own.
    if (share === 0) chunk.retired = true;
    chunkOf.set(hold, chunk);
  }

  function tryHold(hold: string, amounts: Amounts, ttlMs: Ms): boolean {
    const until = clock.now() + ttlMs + EXPIRY_GRACE_MS;
    for (const chunk of chunks) {
      if (chunk.retired || chunk.expiresAt < until || !fits(chunk.left, amounts)) continue;
      take(chunk, hold, amounts);
      return true;
    }
    return false;
  }

  /** Holds inside a new chunk: as large as the budget allows, then as large as the hold alone. */
  async function fetchChunk(hold: string, amounts: Amounts, ttlMs: Ms): Promise<ReserveResult> {
    const balance = await shared.read(scope.key);
    const wanted = chunkSize(amounts, balance, scope.limits, share);
    const large = await holdInChunk(wanted, hold, amounts, ttlMs);
    return large.ok || same(wanted, amounts) ? large : holdInChunk(amounts, hold, amounts, ttlMs);
  }

  async function holdInChunk(size: Amounts, hold: string, amounts: Amounts, ttlMs: Ms): Promise<ReserveResult> {
    const id = `${name}:${nth++}`;
    const lifeMs = ttlMs + ageMs;
    const bornAt = clock.now();
    const result = await shared.reserve(id, [scope], size, lifeMs).catch((error: unknown) => {
      // It may have been granted: what may stand is given back.
      settle(() => shared.void(id));
      throw error;
    });
    if (!result.ok) return result;
    const chunk: Chunk = {
      id,
      left: size,
      posted: { tokens: 0, usdMicros: 0 },
      open: new Map(),
      bornAt,
      usedAt: bornAt,
      // The shared books add the grace themselves.
      expiresAt: bornAt + lifeMs + EXPIRY_GRACE_MS,
      dispatched: false,
      retired: false,
      grown: 0,
    };
    chunks.add(chunk);
    // At once: a chunk that nobody holds inside of may be asked back before its caller's next turn, and so on for ever.
    take(chunk, hold, amounts);
    look();
    return result;
  }

  /** Repeats until the store takes it, which is harmless: it is idempotent. */
  function settle(operation: () => Promise<void>): void {
    operation().catch(() => {
      if (!closed) clock.at(clock.now() + SETTLE_RETRY_MS, () => settle(operation));
    });
  }

  function end(chunk: Chunk): Promise<void> {
    chunks.delete(chunk);
    const { id, posted } = chunk;
    const used = posted.tokens > 0 || posted.usdMicros > 0 || chunk.dispatched;
    const operation = (): Promise<void> => (used ? shared.settle(id, posted) : shared.void(id));
    return operation().then(freed, () => {
      settle(operation);
    });
  }

  function ended(hold: string, back: (held: Amounts) => Amounts): Promise<void> {
    const chunk = chunkOf.get(hold);
    const held = chunk?.open.get(hold);
    if (chunk === undefined || held === undefined) return done;
    chunkOf.delete(hold);
    chunk.open.delete(hold);
    chunk.left = plus(chunk.left, back(held));
    chunk.usedAt = clock.now();
    return chunk.retired && chunk.open.size === 0 ? end(chunk) : done;
  }

  /** Retires chunks that are old or idle, and looks again while there are any. */
  function look(): void {
    if (stopTimer !== undefined || closed) return;
    stopTimer = clock.at(clock.now() + idleMs, () => {
      stopTimer = undefined;
      const now = clock.now();
      for (const chunk of chunks) {
        const idle = chunk.open.size === 0 && now - chunk.usedAt >= idleMs;
        if (idle || now - chunk.bornAt >= ageMs) void retire(chunk);
      }
      if (chunks.size > 0) look();
    });
  }

  function retire(chunk: Chunk): Promise<void> {
    chunk.retired = true;
    return chunk.open.size === 0 ? end(chunk) : done;
  }

  return {
    scope: scope.key,
    tryHold,
    async hold(hold, amounts, ttlMs) {
      for (;;) {
        if (tryHold(hold, amounts, ttlMs)) return granted;
        // One chunk at a time: callers that come together share it.
        if (fetching !== undefined) {
          await fetching.catch(() => undefined);
          continue;
        }
        fetching = fetchChunk(hold, amounts, ttlMs).finally(() => (fetching = undefined));
        return fetching;
      }
    },
    async extend(hold, more) {
      const chunk = chunkOf.get(hold);
      if (chunk === undefined) return granted;
      if (!fits(chunk.left, more)) {
        const lacking = beyond(more, chunk.left);
        const result = await shared.extend(chunk.id, ++chunk.grown, lacking);
        if (!result.ok) return result;
        chunk.left = plus(chunk.left, lacking);
      }
      take(chunk, hold, more);
      return granted;
    },
    shrink(hold, more) {
      const chunk = chunkOf.get(hold);
      const held = chunk?.open.get(hold);
      if (chunk === undefined || held === undefined) return;
      chunk.open.set(hold, minus(held, more));
      chunk.left = plus(chunk.left, more);
    },
    async dispatched(hold) {
      const chunk = chunkOf.get(hold);
      if (chunk === undefined || chunk.dispatched) return;
      await shared.dispatched(chunk.id);
      chunk.dispatched = true;
    },
    post(hold, used) {
      const chunk = chunkOf.get(hold);
      if (chunk === undefined) return done;
      chunk.posted.tokens += used.tokens;
      chunk.posted.usdMicros += used.usdMicros;
      return ended(hold, (held) => minus(held, { parallel: 0, ...used }));
    },
    release: (hold) => ended(hold, (held) => held),
    async giveBack() {
      await Promise.all([...chunks].map(retire));
    },
    close() {
      closed = true;
      stopTimer?.();
    },
  };
}

/** How much a new chunk asks for: a share of what is left, and never less than the hold it is for. */
function chunkSize(amounts: Amounts, balance: ScopeBalance | undefined, limits: Limits, share: number): Amounts {
  const ceilings = balance?.limits ?? limits;
  const size = { parallel: 0, tokens: 0, usdMicros: 0 };
  for (const dimension of dimensions) {
    const limit = ceilings[dimension];
    const held = balance === undefined ? 0 : balance.posted[dimension] + balance.reserved[dimension];
    const part =
      limit === undefined
        ? amounts[dimension] * (share === 0 ? 1 : UNLIMITED_HOLDS)
        : Math.floor((limit - held) * share);
    size[dimension] = Math.min(Number.MAX_SAFE_INTEGER, Math.max(amounts[dimension], part));
  }
  return size;
}

function fits(left: Amounts, asked: Amounts): boolean {
  return dimensions.every((dimension) => asked[dimension] === 0 || asked[dimension] <= left[dimension]);
}

/** What of `asked` is not left. */
function beyond(asked: Amounts, left: Amounts): Amounts {
  const lacks = (dimension: (typeof dimensions)[number]): number =>
    asked[dimension] === 0 ? 0 : Math.max(0, asked[dimension] - left[dimension]);
  return { parallel: lacks("parallel"), tokens: lacks("tokens"), usdMicros: lacks("usdMicros") };
}

function same(a: Amounts, b: Amounts): boolean {
  return dimensions.every((dimension) => a[dimension] === b[dimension]);
}

function plus(a: Amounts | undefined, b: Amounts): Amounts {
  if (a === undefined) return b;
  return { parallel: a.parallel + b.parallel, tokens: a.tokens + b.tokens, usdMicros: a.usdMicros + b.usdMicros };
}

function minus(a: Amounts, b: Amounts): Amounts {
  return { parallel: a.parallel - b.parallel, tokens: a.tokens - b.tokens, usdMicros: a.usdMicros - b.usdMicros };
}
