import { memo } from "react";
import type { ReactElement } from "react";
import type { PlanContent, Telemetry, Window } from "atp-client";
import { Bar } from "../bar.js";
import { count, dollars } from "../format.js";
import { slotName } from "./call-state.js";

/** What of the window is taken, live: what is held for calls that run, or more if the router says so; at the end the bill. */
export const WindowBars = memo(function WindowBars({
  ceilings,
  left,
  usage,
  plan,
  running,
}: {
  readonly ceilings: Window;
  readonly left: Window | undefined;
  readonly usage: Telemetry | undefined;
  readonly plan: PlanContent;
  /** Slots of the calls that run, with a space between them. */
  readonly running: string;
}): ReactElement {
  const { max_tokens: tokens = 0, max_usd_micros: usd = 0, max_parallel: parallel = 0 } = ceilings;
  const held = heldFor(plan, new Set(running.split(" ")));
  const usedTokens = usage?.tokens ?? Math.max(held.tokens, tokens - (left?.max_tokens ?? tokens));
  const usedUsd = usage?.usd ?? Math.max(held.usd_micros, usd - (left?.max_usd_micros ?? usd));
  const word = usage === undefined ? "held" : "spent";
  return (
    <section className="card" aria-labelledby="window-title" data-testid="window">
      <h2 id="window-title">Window</h2>
      <Bar label="Tokens" value={usedTokens} max={tokens} text={`${count(usedTokens)} ${word} of ${count(tokens)}`} />
      <Bar label="Money" value={usedUsd} max={usd} text={`${dollars(usedUsd)} ${word} of ${dollars(usd)}`} />
      <p className="quiet">At most {count(parallel)} calls at once.</p>
    </section>
  );
});

/** What is held for the calls of some slots. A hold covers what a call may cost at most. */
function heldFor(
  plan: PlanContent,
  slots: ReadonlySet<string>,
): { readonly tokens: number; readonly usd_micros: number } {
  return plan.rungs
    .flat()
    .filter(({ adapter, sample }) => slots.has(slotName(adapter, sample)))
    .reduce((sum, { hold }) => ({ tokens: sum.tokens + hold.tokens, usd_micros: sum.usd_micros + hold.usd_micros }), {
      tokens: 0,
      usd_micros: 0,
    });
}
