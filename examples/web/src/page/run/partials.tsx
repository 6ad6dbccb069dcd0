import type { ReactElement } from "react";
import type { CallState } from "./call-state.js";
import { PartialPane } from "./partial-pane.js";

/** What each adapter says, side by side, as it says it. */
export function Partials({
  texts,
  states,
}: {
  readonly texts: Readonly<Record<string, string>>;
  readonly states: ReadonlyMap<string, CallState>;
}): ReactElement {
  return (
    <section className="partials" aria-label="What adapters say" data-testid="partials">
      {[...states].map(([slot, state]) => (
        <PartialPane key={slot} slot={slot} state={state} text={texts[slot] ?? ""} />
      ))}
    </section>
  );
}
