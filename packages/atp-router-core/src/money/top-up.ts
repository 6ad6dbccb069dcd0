import type { Amounts, Estimate, Limits, Price, Usage } from "../model/index.js";
import { MIN_USEFUL_TOKENS, sizeHold } from "./hold-size.js";
import type { HoldSize, HoldSizeInput } from "./hold-size.js";
import { MIN_SLACK_TOKENS } from "./meter.js";
import { tariffOf } from "./pricing.js";

/** Output tokens that a hold is extended by: at least, and for a slow stream at most. */
const MIN_CHUNK_TOKENS = 64;
const MAX_CHUNK_TOKENS = 256;

/** The next chunk: four times what may be on its way, so that half of it is ahead of the slack while the store answers. */
export function chunkTokens(slackTokens: number): number {
  return Math.max(2 * slackTokens, Math.min(MAX_CHUNK_TOKENS, Math.max(MIN_CHUNK_TOKENS, 4 * slackTokens)));
}

/** Standard deviations above the mean of the 95th percentile. */
const P95_DEVIATIONS = 1.645;

/** What a quote is taken to be off by, as a share, while neither its adapter nor its calls said anything of their spread. */
const UNKNOWN_SPREAD = 0.3;

/** Output that nineteen of twenty such calls do not pass, by the quote. */
function probableOutput({ inTokens, outTokens, p95Tokens, varianceTokens }: HoldSizeInput["estimate"]): number {
  if (p95Tokens !== undefined) return Math.max(outTokens, p95Tokens - inTokens);
  const deviation = varianceTokens > 0 ? Math.sqrt(varianceTokens) : UNKNOWN_SPREAD * outTokens;
  return outTokens + Math.ceil(P95_DEVIATIONS * deviation);
}

/**
 * The first hold of a call. For an adapter that bills only what it emitted before a cancel (`cancelsCleanly`) the hold covers the
 * input and the 95th percentile of the output, at least one chunk and the slack, and the clip is the most that the ceilings could grant; for any other adapter the clip equals
 * the hold, as `sizeHold` says (A7.2).
 */
export function sizeFirstHold(input: HoldSizeInput): HoldSize {
  if (!input.estimate.cancelsCleanly) return sizeHold(input);
  const { estimate, left } = input;
  const { inTokens } = estimate;
  const tariff = tariffOf(estimate, input.price);
  const byTokens = (left.tokens ?? Infinity) - inTokens;
  const byUsd = tariff.affordable(left.usdMicros ?? Infinity);
  const asked = Math.min(input.askedOutputTokens ?? Infinity, (input.contextTokens ?? Infinity) - inTokens);
  const least = Math.max(0, Math.min(input.minUsefulTokens ?? MIN_USEFUL_TOKENS, asked));
  if (byTokens < least) return { ok: false, dimension: "tokens", asked: inTokens + least };
  if (byUsd < least) return { ok: false, dimension: "usdMicros", asked: tariff.cost(least) };
  const most = Math.min(asked, byTokens, byUsd, Number.MAX_SAFE_INTEGER - inTokens);
  // The next chunk and the slack beyond what the call probably needs: calls that were started together must not find the window
  // empty half way, and one that comes to its end must not be cut for what may be on its way.
  const covered = Math.min(most, probableOutput(estimate) + chunkTokens(MIN_SLACK_TOKENS) + MIN_SLACK_TOKENS);
  return {
    ok: true,
    amounts: { parallel: 1, tokens: inTokens + covered, usdMicros: tariff.cost(covered) },
    maxOutputTokens: most,
  };
}

/** A running call of an adapter that cancels cleanly. */
export interface TopUpInput {
  readonly estimate: Estimate;
  readonly price?: Price;
  /** What is held for it now. */
  readonly held: Amounts;
  /** What it used so far. */
  readonly used: Usage;
  /** Output that may be on its way. @see slackOf */
  readonly slackTokens: number;
  /** What it was sent with: it never needs more than this. */
  readonly maxOutputTokens: number;
  /** `asked`: an extension is on its way. `refused`: the last one was, and nothing has been freed since. */
  readonly extension: "none" | "asked" | "refused";
  /** What the refusal said is left; a smaller chunk may still fit. */
  readonly left?: Limits;
}

/** What to do with a running call. */
export type TopUp =
  | { readonly t: "go_on" }
  /** Ask the ledger for more; never longer than what fits `left`. */
  | { readonly t: "extend"; readonly more: Amounts }
  /** Its usage and what may be on its way reach the hold, and no extension came: the call is cut now. */
  | { readonly t: "cancel"; readonly dimension: "tokens" | "usdMicros" };

interface Bill {
  readonly tokens: number;
  readonly usdMicros: number;
  /** Micro-dollars of one more output token: the dearer of what was quoted and what was billed, so that holds keep up. */
  readonly each: number;
}

/** What the call has come to so far. Input that is not billed yet counts as quoted: it will come. */
function billOf({ estimate, price, used }: TopUpInput): Bill {
  const { cost } = tariffOf(estimate, price);
  const quoted = (cost(1_000) - cost(0)) / 1_000;
  const billed = used.outTokens > 0 ? (used.usdMicros - cost(0)) / used.outTokens : 0;
  return {
    tokens: Math.max(used.inTokens, estimate.inTokens) + used.outTokens,
    usdMicros: Math.max(used.usdMicros, cost(used.outTokens)),
    each: Math.max(quoted, billed, 0),
  };
}

/**
 * Whether a call's hold is to be extended, or the call to be cut (A7.2): asked at half a chunk before the slack is reached, so that
 * no stream waits for its extension; cut when usage and slack reach the hold and none came.
 */
export function topUp(input: TopUpInput): TopUp {
  const { held, used, slackTokens, extension } = input;
  const bill = billOf(input);
  const roomTokens = held.tokens - bill.tokens;
  const roomUsd = bill.each === 0 ? Infinity : (held.usdMicros - bill.usdMicros) / bill.each;
  const room = Math.min(roomTokens, roomUsd);
  // It cannot put out more than it was sent with, however much may seem to be on its way.
  const toCome = Math.max(0, input.maxOutputTokens - used.outTokens);
  if (room >= toCome) return { t: "go_on" };
  const wanted = Math.min(toCome, slackTokens + chunkTokens(slackTokens));
  if (extension === "none") {
    if (room > slackTokens + chunkTokens(slackTokens) / 2) return { t: "go_on" };
    return { t: "extend", more: moreFor(wanted, held, bill) };
  }
  const more = extension === "refused" ? smaller(wanted, room, input, bill) : undefined;
  if (more !== undefined) return { t: "extend", more };
  if (room > slackTokens) return { t: "go_on" };
  return { t: "cancel", dimension: roomTokens <= roomUsd ? "tokens" : "usdMicros" };
}

/** What the hold lacks to cover so many more output tokens. */
function moreFor(tokens: number, held: Amounts, bill: Bill): Amounts {
  return {
    parallel: 0,
    tokens: Math.max(0, bill.tokens + tokens - held.tokens),
    usdMicros: Math.max(0, bill.usdMicros + Math.ceil(bill.each * tokens) - held.usdMicros),
  };
}

/** The largest extension up to what is wanted that fits what is left, if it is worth asking for. */
function smaller(wanted: number, room: number, { left, held }: TopUpInput, bill: Bill): Amounts | undefined {
  if (left === undefined) return undefined;
  const byTokens = (left.tokens ?? Infinity) + held.tokens - bill.tokens;
  const byUsd =
    bill.each === 0 || left.usdMicros === undefined
      ? Infinity
      : Math.floor((left.usdMicros + held.usdMicros - bill.usdMicros) / bill.each);
  const tokens = Math.min(wanted, byTokens, byUsd);
  return tokens < room + MIN_USEFUL_TOKENS ? undefined : moreFor(tokens, held, bill);
}
