/**
 * Token counts and prices where an author gives none. Both are estimates and rounded up, so that a bill is never
 * below what the text suggests.
 */
import type { Prices, Usage } from "./types.js";

/** Estimated tokens of a text: its UTF-8 bytes / 4, rounded up. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text, "utf8") / 4);
}

/** Micro-dollars of token counts at given prices, rounded up; 0 without prices. */
export function priceOf(inTokens: number, outTokens: number, prices: Prices | undefined): number {
  if (prices === undefined) return 0;
  return Math.ceil((inTokens * prices.inUsdMicrosPerMtok + outTokens * prices.outUsdMicrosPerMtok) / 1_000_000);
}

/** Tokens and micro-dollars, all set. */
export interface UsageTotals {
  readonly inTokens: number;
  readonly outTokens: number;
  readonly usdMicros: number;
}

/**
 * Turns what an author yields into increments for the wire. Until the author first tells a usage, it is estimated from
 * the texts; from then on the author's totals count, and what was estimated before is credited against them.
 */
export class UsageMeter {
  private readonly sent = { inTokens: 0, outTokens: 0, usdMicros: 0 };
  /** What the author told. `toPrice` are the tokens that came without money. */
  private reported:
    | { inTokens: number; outTokens: number; usdMicros: number; toPrice: { inTokens: number; outTokens: number } }
    | undefined;
  private outBytes = 0;

  constructor(
    private readonly inputTokens: number,
    private readonly prices: Prices | undefined,
  ) {}

  /** The increments to send with a part: its text delta, and the author's usage if there is one. */
  next(text: string, usage: Usage | undefined): UsageTotals {
    this.outBytes += Buffer.byteLength(text, "utf8");
    if (usage !== undefined) this.report(usage);
    const goal = this.totals();
    const step = {
      inTokens: Math.max(0, goal.inTokens - this.sent.inTokens),
      outTokens: Math.max(0, goal.outTokens - this.sent.outTokens),
      usdMicros: Math.max(0, goal.usdMicros - this.sent.usdMicros),
    };
    this.sent.inTokens += step.inTokens;
    this.sent.outTokens += step.outTokens;
    this.sent.usdMicros += step.usdMicros;
    return step;
  }

  private report(usage: Usage): void {
    this.reported ??= { inTokens: 0, outTokens: 0, usdMicros: 0, toPrice: { inTokens: 0, outTokens: 0 } };
    const inTokens = countOf(usage.inTokens, "usage.inTokens");
    const outTokens = countOf(usage.outTokens, "usage.outTokens");
    this.reported.inTokens += inTokens;
    this.reported.outTokens += outTokens;
    if (usage.usdMicros !== undefined) {
      this.reported.usdMicros += countOf(usage.usdMicros, "usage.usdMicros");
    } else {
      this.reported.toPrice.inTokens += inTokens;
      this.reported.toPrice.outTokens += outTokens;
    }
  }

  private totals(): UsageTotals {
    const inTokens = this.reported?.inTokens ?? this.inputTokens;
    const outTokens = this.reported?.outTokens ?? Math.ceil(this.outBytes / 4);
    const { usdMicros, toPrice } = this.reported ?? { usdMicros: 0, toPrice: { inTokens, outTokens } };
    // Priced as totals: prices of single deltas, each rounded up, would add up to more than the answer costs.
    return { inTokens, outTokens, usdMicros: usdMicros + priceOf(toPrice.inTokens, toPrice.outTokens, this.prices) };
  }
}

/** A non-negative safe integer; undefined is 0. @throws RangeError that names the member */
export function countOf(value: number | undefined, member: string): number {
  if (value === undefined) return 0;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${member} must be a non-negative integer, got ${String(value)}`);
  }
  return value;
}
