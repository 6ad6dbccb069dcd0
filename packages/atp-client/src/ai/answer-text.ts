import { AtpDropError, type AtpRun, type FinalResult, type RunEvent } from "../index.js";
import { slotOf } from "../event-queue.js";

/** A run as one growing text: its pieces joined are exactly the answer. */
export type AnswerPart =
  | { readonly type: "delta"; readonly text: string }
  /** Any other event, for those who show more than the text. */
  | { readonly type: "event"; readonly event: RunEvent }
  | { readonly type: "final"; readonly final: FinalResult };

/**
 * Reads a run for a reader who can take back nothing. Partials are advisory, so they are passed on only while they can be the
 * answer: when the plan makes one single call. In all other cases the text comes whole, with the final.
 * @param partials false: never before the final
 * @throws what ends the run; `EPEER` when a begun answer was begun anew with other words
 */
export async function* answerParts(run: AtpRun, partials = true): AsyncGenerator<AnswerPart, void> {
  let told = "";
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
    if (event.type === "plan") lead = partials ? onlyCall(event.plan.rungs) : undefined;
    yield { type: "event", event };
    if (event.type !== "partial" || slotOf(event) !== lead) continue;
    const text = run.text.get(lead) ?? "";
    // A later attempt may say the same again: it is held until it has caught up.
    if (text.length <= told.length || !text.startsWith(told)) continue;
    yield { type: "delta", text: text.slice(told.length) };
    told = text;
  }
}

function onlyCall(
  rungs: readonly (readonly { readonly adapter: string; readonly sample: number }[])[],
): string | undefined {
  const [call, ...others] = rungs.flat();
  return call === undefined || others.length > 0 ? undefined : slotOf(call);
}
