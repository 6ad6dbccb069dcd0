import type { PlanContent, Telemetry } from "atp-client";
import { slotName } from "./call-state.js";
import type { CallState } from "./call-state.js";

/** What a call has cost so far. Tokens and micro-dollars. */
export interface CallSpending {
  readonly slot: string;
  /** `ok`, `failed` ... once the bill is there. */
  readonly outcome: string;
  readonly inTokens: number;
  readonly outTokens: number;
  readonly usdMicros: number;
  /** The most that it may cost. */
  readonly held: { readonly tokens: number; readonly usdMicros: number };
  readonly latencyMs: number | undefined;
}

/** What a run has cost so far, and what is held for the calls that go on. */
export interface Spending {
  readonly calls: readonly CallSpending[];
  readonly tokens: number;
  readonly usdMicros: number;
  readonly held: { readonly tokens: number; readonly usdMicros: number };
  /** Whether it is the router's bill, and no guess by what was said. */
  readonly isBilled: boolean;
}

const CHARS_PER_TOKEN = 4;

/**
 * While a run goes on its cost is guessed: four characters are a token, and a call's price grows with its tokens up to the
 * price that was quoted. The router's bill takes the place of the guess.
 */
export function spendingOf(
  plan: PlanContent | undefined,
  texts: Readonly<Record<string, string>>,
  states: ReadonlyMap<string, CallState>,
  usage: Telemetry | undefined,
): Spending {
  if (usage !== undefined) return billed(plan, usage);
  const calls = (plan?.rungs.flat() ?? []).flatMap(({ adapter, sample, hold }) => {
    const slot = slotName(adapter, sample);
    const said = (texts[slot] ?? "").length;
    if (said === 0) return [];
    const quote = plan?.candidates.find((one) => one.adapter === adapter)?.estimate;
    const inTokens = quote?.in_tokens ?? 0;
    const outTokens = Math.ceil(said / CHARS_PER_TOKEN);
    const quoted = inTokens + (quote?.out_tokens ?? 0);
    const usdMicros = quoted === 0 ? 0 : Math.round(((quote?.usd_micros ?? 0) * (inTokens + outTokens)) / quoted);
    const held = { tokens: hold.tokens, usdMicros: hold.usd_micros };
    return [{ slot, outcome: "", inTokens, outTokens, usdMicros, held, latencyMs: undefined }];
  });
  const open = calls.filter(({ slot }) => states.get(slot) === "speaking");
  const tokensOf = (call: CallSpending): number => call.inTokens + call.outTokens;
  return {
    calls,
    tokens: sum(calls, tokensOf),
    usdMicros: sum(calls, ({ usdMicros }) => usdMicros),
    held: {
      tokens: sum(open, (call) => Math.max(0, call.held.tokens - tokensOf(call))),
      usdMicros: sum(open, ({ held, usdMicros }) => Math.max(0, held.usdMicros - usdMicros)),
    },
    isBilled: false,
  };
}

function billed(plan: PlanContent | undefined, usage: Telemetry): Spending {
  const planned = plan?.rungs.flat() ?? [];
  const calls = (usage.adapters ?? []).map((call): CallSpending => {
    const hold = planned.find(({ adapter }) => adapter === call.name)?.hold;
    return {
      slot: call.name,
      outcome: call.error === undefined ? call.outcome : `${call.outcome}: ${call.error.message}`,
      inTokens: call.in_tokens,
      outTokens: call.out_tokens,
      usdMicros: call.usd,
      held: { tokens: hold?.tokens ?? 0, usdMicros: hold?.usd_micros ?? 0 },
      latencyMs: call.latency_ms,
    };
  });
  return { calls, tokens: usage.tokens, usdMicros: usage.usd, held: { tokens: 0, usdMicros: 0 }, isBilled: true };
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
