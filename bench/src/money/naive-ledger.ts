/** The ledger that gateways use: look at what was spent, call, and charge afterwards. */
import type { Amounts, LedgerStore, Limits, ReserveResult } from "atp-router-core";

interface Books {
  limits: Limits;
  tokens: number;
  usdMicros: number;
}

/** Check-then-charge behind the port of the real one, so that the same load runs on it. */
export function createNaiveLedger(): LedgerStore {
  const scopes = new Map<string, Books>();
  const holds = new Map<string, readonly Books[]>();
  const full = ({ limits, tokens, usdMicros }: Books, asked: Amounts): boolean =>
    tokens + asked.tokens > (limits.tokens ?? Infinity) || usdMicros + asked.usdMicros > (limits.usdMicros ?? Infinity);
  const granted: ReserveResult = { ok: true };

  const ledger: LedgerStore = {
    async reserve(hold, asked, amounts) {
      const books = asked.map(({ key, limits }) => {
        const found = scopes.get(key) ?? { limits, tokens: 0, usdMicros: 0 };
        scopes.set(key, found);
        return found;
      });
      const at = books.findIndex((one) => full(one, amounts));
      if (at < 0) {
        holds.set(hold, books);
        return granted;
      }
      const { limits, tokens } = books[at] as Books;
      const limitSource = asked[at]?.source ?? "stream";
      const limit = limits.tokens ?? 0;
      return {
        ok: false,
        refusal: {
          limitSource,
          dimension: "tokens",
          limit,
          posted: tokens,
          reserved: 0,
          asked: amounts.tokens,
          remedy: "raise",
        },
        left: {},
      };
    },
    async reserveAll(group, asked, ttlMs) {
      for (const { hold, amounts } of group) {
        const result = await ledger.reserve(hold, asked, amounts, ttlMs);
        if (!result.ok) return result;
      }
      return granted;
    },
    extend: async () => granted,
    dispatched: async () => undefined,
    recalled: async () => undefined,
    async settle(hold, used) {
      for (const books of holds.get(hold) ?? []) {
        books.tokens += used.tokens;
        books.usdMicros += used.usdMicros;
      }
      holds.delete(hold);
    },
    async void(hold) {
      holds.delete(hold);
    },
    async setLimit(scope, limits) {
      const found = scopes.get(scope);
      if (found !== undefined) found.limits = limits;
    },
    async read(scope) {
      const found = scopes.get(scope);
      if (found === undefined) return undefined;
      const { limits, tokens, usdMicros } = found;
      return { limits, posted: { parallel: 0, tokens, usdMicros }, reserved: { parallel: 0, tokens: 0, usdMicros: 0 } };
    },
    async forget(scope) {
      scopes.delete(scope);
    },
    sweep: async () => [],
    watch: () => () => undefined,
  };
  return ledger;
}
