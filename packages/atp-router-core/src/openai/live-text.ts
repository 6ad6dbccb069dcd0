import type { FinalContent } from "atp-protocol";
import type { RunEvent } from "./run.js";

/** What may be sent of an answer that is not complete. */
export interface LiveText {
  /** The next piece to send now, if any. */
  observe(event: RunEvent): string | undefined;
  /** What is left to send when the answer is known; undefined when what was sent is no beginning of it. */
  rest(content: FinalContent): string | undefined;
}

/**
 * Deltas that are joined must be the answer exactly. Text of a plan that makes one call is the answer's own and goes out as it comes;
 * under any other plan the answer may still change, and nothing goes out before it is known.
 */
export function liveText(): LiveText {
  let certain = false;
  let sent = "";
  let attempt: number | undefined;
  return {
    observe(event) {
      if (event.t === "planned") certain = event.calls === 1;
      if (event.t !== "text" || !certain) return undefined;
      attempt ??= event.attempt;
      // The call began anew: what was sent of it stands only if the new one says the same, which the end tells.
      if (event.attempt !== attempt) {
        certain = false;
        return undefined;
      }
      sent += event.text;
      return event.text;
    },
    rest: ({ answer }) => (answer.startsWith(sent) ? answer.slice(sent.length) : undefined),
  };
}
