import { memo } from "react";
import type { ReactElement } from "react";
import type { AtpRun, FinalResult, PlanContent } from "atp-client";
import { Bar } from "../bar.js";
import { percent } from "../format.js";
import { useAgreement } from "./use-agreement.js";

/** How far the answers agree, as it was told while they came, and whether the run had to escalate. */
export const Agreement = memo(function Agreement({
  run,
  final,
  plan,
}: {
  readonly run: AtpRun | null;
  readonly final: FinalResult | undefined;
  readonly plan: PlanContent;
}): ReactElement {
  const { steps, rung } = useAgreement(run, plan);
  const last = steps.at(-1);
  return (
    <section className="card" aria-labelledby="agreement-title" data-testid="agreement">
      <h2 id="agreement-title">Agreement</h2>
      <Bar
        label={final === undefined ? "So far" : "At the end"}
        value={last?.agreement ?? 0}
        max={1}
        isGood
        text={last === undefined ? "fewer than two answers yet" : percent(last.agreement)}
      />
      <ol className="steps">
        {steps.map(({ agreement, support, atMs, isFinal }) => (
          <li key={`${atMs} ${String(isFinal)}`}>
            <b>{percent(agreement)}</b> {isFinal ? "final" : "provisional"}
            {support.length > 0 && <span className="quiet"> by {support.join(", ")}</span>}
          </li>
        ))}
      </ol>
      <p className="quiet" data-testid="escalation">
        {plan.rungs.length > 1
          ? `Rung ${rung + 1} of ${plan.rungs.length}${rung > 0 ? `: escalated ${rung === 1 ? "once" : `${rung} times`}` : ""}.`
          : "One rung: nothing to escalate to."}
        {final?.consensus?.stopped_by !== undefined &&
          ` Stopped by ${final.consensus.stopped_by.replaceAll("_", " ")}.`}
      </p>
    </section>
  );
});
