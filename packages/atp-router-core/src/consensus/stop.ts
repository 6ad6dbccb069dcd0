import type { StopRule } from "../model/index.js";
import type { Verdict } from "./weigh.js";

/** What is still to come. */
export interface Progress {
  /** Answers so far. */
  readonly answered: number;
  /** Calls that have not ended. */
  readonly running: number;
  /** Rungs that were not started. */
  readonly rungsLeft: number;
}

/** What to do now. */
export type Judgement =
  | {
      readonly stop: true;
      /** `quorum`, `confident`, `agreement`, `all_answered`, `exhausted` or `no_quorum`. */
      readonly by: string;
      /** The rule wanted more than can be had. */
      readonly failed?: true;
    }
  | { readonly stop: false; readonly next: "wait" | "escalate" };

/** Whether the weighing ends: accepts the verdict, waits for running calls, asks the next rung, or gives up. */
export function judge(rule: StopRule, verdict: Verdict | null, progress: Progress): Judgement {
  const { running, rungsLeft } = progress;
  if (rule.quorum !== undefined) return judgeQuorum(rule.quorum, verdict, progress);
  if (verdict !== null) {
    if (rule.minConfidence !== undefined && verdict.confidence >= rule.minConfidence) {
      return { stop: true, by: "confident" };
    }
    const agreed = rule.minAgreement !== undefined && verdict.agreement >= rule.minAgreement;
    // One answer agrees with itself, and that says nothing.
    if (agreed && verdict.votes > 1) return { stop: true, by: "agreement" };
  }
  if (running > 0) return { stop: false, next: "wait" };
  // A rule without a threshold is content with what its rung brought; nothing at all is never enough.
  const content = rule.minConfidence === undefined && rule.minAgreement === undefined;
  if (content && verdict !== null) return { stop: true, by: "all_answered" };
  return rungsLeft > 0 ? { stop: false, next: "escalate" } : { stop: true, by: "exhausted" };
}

function judgeQuorum(quorum: number, verdict: Verdict | null, { running, rungsLeft }: Progress): Judgement {
  if (verdict !== null) {
    if (verdict.support.length >= quorum) return { stop: true, by: "quorum" };
    // Each rung of a quorum after the first is one call: when not even all of them can make a quorum, none is paid for.
    if (verdict.mostAdapters + running + rungsLeft < quorum) return { stop: true, by: "no_quorum", failed: true };
  }
  if (running > 0) return { stop: false, next: "wait" };
  if (rungsLeft > 0) return { stop: false, next: "escalate" };
  return verdict === null ? { stop: true, by: "exhausted" } : { stop: true, by: "no_quorum", failed: true };
}
