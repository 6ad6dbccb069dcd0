/**
 * Usage of a completion while it runs. The true counts come with its last event; until then less than the likely amount
 * is told, so that a call that is cut is still billed and a finished one never too high.
 */
import { estimateTokens } from "../tokens.js";
import type { Usage } from "../types.js";

/** The share of the estimate that is told early. Texts with more than 16 bytes in 3 tokens would be overbilled. */
const earlyShare = 0.75;

/** Increments for {@link Usage} of parts. */
export class ChatUsage {
  private sentIn = 0;
  private sentOut = 0;
  private outBytes = 0;
  private reported: { readonly inTokens: number; readonly outTokens: number } | undefined;
  private readonly inputTokens: number;

  constructor(promptText: string) {
    this.inputTokens = estimateTokens(promptText);
  }

  /** What to tell with a delta. */
  delta(text: string): Usage {
    this.outBytes += Buffer.byteLength(text, "utf8");
    return this.upTo(Math.floor(this.inputTokens * earlyShare), Math.floor((this.outBytes / 4) * earlyShare));
  }

  /** The server's own counts, of the whole call. */
  report(usage: { readonly inTokens: number; readonly outTokens: number }): void {
    this.reported = usage;
  }

  /** What to tell at the end: the server's counts, or the full estimate when it gave none. */
  end(): Usage {
    return this.upTo(
      this.reported?.inTokens ?? this.inputTokens,
      this.reported?.outTokens ?? Math.ceil(this.outBytes / 4),
    );
  }

  private upTo(inTokens: number, outTokens: number): Usage {
    const step = { inTokens: Math.max(0, inTokens - this.sentIn), outTokens: Math.max(0, outTokens - this.sentOut) };
    this.sentIn += step.inTokens;
    this.sentOut += step.outTokens;
    return step;
  }
}
