import type { StopRule } from "../model/index.js";
import type { Verdict } from "./weigh.js";

/** What is still to come. */
export interface Progress {
  readonly answered: number;
  readonly running: number;
  readonly rungsLeft: number;
}

/** What to do now. */
export type Judgement =
  | { readonly stop: true; readonly by: string }
  | { readonly stop: false; readonly next: "wait" | "escalate" };

/** Whether the weighing ends: accepts the verdict, waits for running calls, asks the next rung, or gives up. */
export function judge(rule: StopRule, verdict: Verdict | null, progress: Progress): Judgement {
  if (verdict !== null) {
    if (rule.quorum !== undefined) {
      if (verdict.votes >= rule.quorum) return { stop: true, by: "quorum" };
    } else {
      if (rule.minConfidence !== undefined && verdict.confidence >= rule.minConfidence)
        return { stop: true, by: "confident" };
      const agree =
        rule.minAgreement !== undefined &&
        progress.answered > 1 &&
        verdict.votes > 1 &&
        verdict.agreement >= rule.minAgreement;
      if (agree) return { stop: true, by: "agreement" };
    }
  }
  if (progress.running > 0) return { stop: false, next: "wait" };
  // A rule without a threshold is content with what its rung brought; nothing at all is never enough.
  const open = rule.minConfidence !== undefined || rule.quorum !== undefined || verdict === null;
  if (open && progress.rungsLeft > 0) return { stop: false, next: "escalate" };
  if (verdict !== null && rule.quorum !== undefined) return { stop: true, by: "no_quorum" };
  return { stop: true, by: open ? "exhausted" : "all_answered" };
}
