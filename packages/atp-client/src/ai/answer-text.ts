import { AtpDropError, type AtpRun, type FinalResult, type PlanContent, type RunEvent } from "../index.js";
import { slotOf } from "../event-queue.js";

/** A run as one growing text: its pieces joined are exactly the answer. */
export type AnswerPart =
  | { readonly type: "delta"; readonly text: string }
  /** Any other event, for those who show more than the text. */
  | { readonly type: "event"; readonly event: RunEvent }
  | { readonly type: "final"; readonly final: FinalResult };

/**
 * Reads a run for a reader who can take back nothing. Partials are advisory, so they are passed on only while they can be the
 * answer: when one adapter alone is asked, and others only stand in for it. In all other cases the text comes whole, with the
 * final.
 * @param partials false: never before the final
 * @throws what ends the run; `EPEER` when a begun answer was begun anew with other words
 */
export async function* answerParts(run: AtpRun, partials = true): AsyncGenerator<AnswerPart, void> {
  let told = "";
  let isOne = false;
  let lead: string | undefined;
  for await (const event of run) {
    if (event.type === "final") {
      const { answer } = event;
      if (!answer.startsWith(told))
        throw new AtpDropError(
          "EPEER",
          "The answer was begun anew with other words than were passed on. Ask again, or read it without partials.",
          { processed: "yes" },
        );
      if (answer.length > told.length) yield { type: "delta", text: answer.slice(told.length) };
      yield { type: "final", final: event };
      return;
    }
    if (event.type === "plan") isOne = partials && asksOne(event.plan);
    yield { type: "event", event };
    if (!isOne || event.type !== "partial") continue;
    // A stand-in for a late one may speak first: the router then lets the late one go.
    lead ??= slotOf(event);
    if (slotOf(event) !== lead) continue;
    const text = run.text.get(lead) ?? "";
    // A later attempt may say the same again: it is held until it has caught up.
    if (text.length <= told.length || !text.startsWith(told)) continue;
    yield { type: "delta", text: text.slice(told.length) };
    told = text;
  }
}

/** Whether the plan's first call is the answer unless it fails. */
function asksOne({ rungs, strategy }: PlanContent): boolean {
  return rungs[0]?.length === 1 && (rungs.length === 1 || strategy === "single");
}
