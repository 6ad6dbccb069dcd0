import { MIN_USEFUL_TOKENS, sizeFirstHold } from "../money/index.js";
import type { HoldSize } from "../money/index.js";
import type { Exclusion, Lane, Limits, PlannedCall } from "../model/index.js";
import { contextOf, isLate } from "./candidates.js";
import type { Usable } from "./candidates.js";

/** What a call's size depends on beside its quote. */
export interface SizeInput {
  readonly qos: Lane;
  /** The client's own `max_output_tokens`. */
  readonly askedOutputTokens: number | undefined;
  /** The least left over all windows. */
  readonly left: Limits;
}

/** Tokens and micro-dollars. */
export interface Sum {
  readonly tokens: number;
  readonly usdMicros: number;
}

/** The sum over calls of what `of` gives for each. */
export function sum(calls: readonly PlannedCall[], of: (c: PlannedCall) => Sum): Sum {
  let tokens = 0;
  let usdMicros = 0;
  for (const call of calls) {
    const amount = of(call);
    tokens += amount.tokens;
    usdMicros += amount.usdMicros;
  }
  return { tokens, usdMicros };
}

function sized(
  { info, estimate }: { info: PlannedCall["adapter"]; estimate: PlannedCall["estimate"] },
  input: SizeInput,
  capTokens: number | undefined,
): HoldSize {
  const contextTokens = contextOf(info);
  const cap = Math.min(input.askedOutputTokens ?? Infinity, capTokens ?? Infinity);
  return sizeFirstHold({
    estimate,
    ...(info.price === undefined ? {} : { price: info.price }),
    qos: input.qos,
    ...(cap === Infinity ? {} : { askedOutputTokens: cap }),
    ...(contextTokens === undefined ? {} : { contextTokens }),
    left: input.left,
  });
}

/** A call of the size that it would have alone. */
export function sizeCall(
  { candidate, estimate }: Usable,
  input: SizeInput,
): HoldSize & { readonly call?: PlannedCall } {
  const size = sized({ info: candidate.info, estimate }, input, undefined);
  if (!size.ok) return size;
  const { amounts: hold, maxOutputTokens } = size;
  const { info: adapter, quoted } = candidate;
  const late = isLate(candidate) ? { late: true as const } : {};
  const call = {
    adapter,
    sample: 0,
    estimate,
    ...(quoted === undefined ? {} : { quoted }),
    hold,
    maxOutputTokens,
    ...late,
  };
  return { ...size, call };
}

function clipped(call: PlannedCall, input: SizeInput, capTokens: number): PlannedCall {
  const size = sized({ info: call.adapter, estimate: call.estimate }, input, capTokens);
  return size.ok ? { ...call, hold: size.amounts, maxOutputTokens: size.maxOutputTokens } : call;
}

/** Steps of the search for the largest clips that fit together. */
const STEPS = 12;

/**
 * Fits the calls of one rung, which run at once, into what is left: all clips are made shorter alike, down to the expected
 * answer; then the dearest call is left out; an answer that is surely cut is worth less than none. When none may be left out
 * (`keepAll`), clips go down to the shortest useful answer instead.
 */
export function fitTogether(
  rung: readonly PlannedCall[],
  input: SizeInput,
  keepAll: boolean,
): {
  readonly calls: readonly PlannedCall[];
  readonly excluded: readonly Exclusion[];
  readonly why: readonly string[];
} {
  const excluded: Exclusion[] = [];
  const why: string[] = [];
  const tokens = input.left.tokens ?? Infinity;
  const usdMicros = input.left.usdMicros ?? Infinity;
  const fits = (calls: readonly PlannedCall[]): boolean => {
    const total = sum(calls, (c) => c.hold);
    return total.tokens <= tokens && total.usdMicros <= usdMicros;
  };
  let calls = rung;
  while (calls.length > 1 && !fits(calls)) {
    const shorter = shorten(calls, input, keepAll, fits);
    if (shorter !== undefined) {
      why.push(`Sends shorter clips, so that the window covers all ${shorter.length} calls.`);
      return { calls: shorter, excluded, why };
    }
    // Together they never fit: their holds take turns.
    if (keepAll) break;
    let dearest = 0;
    calls.forEach((c, i) => {
      const other = calls[dearest] as PlannedCall;
      if (
        c.hold.usdMicros > other.hold.usdMicros ||
        (c.hold.usdMicros === other.hold.usdMicros && c.hold.tokens >= other.hold.tokens)
      )
        dearest = i;
    });
    const dropped = calls[dearest] as PlannedCall;
    calls = calls.filter((_, i) => i !== dearest);
    const sample = dropped.sample > 0 ? ` (sample ${dropped.sample})` : "";
    why.push(`Leaves ${dropped.adapter.name}${sample} out: the window does not cover it beside the others.`);
    if (!calls.some((c) => c.adapter.id === dropped.adapter.id)) {
      const message = "the window does not cover it beside the others";
      excluded.push({ adapter: dropped.adapter.name, reason: "budget", message });
    }
  }
  return { calls, excluded, why };
}

/** The calls with the longest clips that fit together; undefined when not even the shortest do. */
function shorten(
  calls: readonly PlannedCall[],
  input: SizeInput,
  keepAll: boolean,
  fits: (calls: readonly PlannedCall[]) => boolean,
): readonly PlannedCall[] | undefined {
  const at = (share: number): readonly PlannedCall[] =>
    calls.map((call) => {
      const shortest = keepAll ? MIN_USEFUL_TOKENS : Math.max(MIN_USEFUL_TOKENS, call.estimate.outTokens);
      const least = Math.min(shortest, call.maxOutputTokens);
      return clipped(call, input, least + Math.floor(share * (call.maxOutputTokens - least)));
    });
  let best = at(0);
  if (!fits(best)) return undefined;
  let low = 0;
  let high = 1;
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    const tried = at(middle);
    if (fits(tried)) {
      best = tried;
      low = middle;
    } else high = middle;
  }
  return best;
}
