import { useCallback } from "react";
import type { ReactElement } from "react";
import type { ConsensusContent } from "atp-client";
import { useAtpStream } from "atp-client/react";
import { Agreement } from "./agreement.js";
import { Answer } from "./answer.js";
import { AskForm } from "./ask-form.js";
import { Bill } from "./bill.js";
import { Estimates } from "./estimates.js";
import { Failure } from "./failure.js";
import { Partials } from "./partials.js";
import { PlanGraph } from "./plan-graph.js";
import { optionsOf } from "./question.js";
import type { Question } from "./question.js";
import { Reasons } from "./reasons.js";
import { RunStatus } from "./run-status.js";
import { callStates } from "./call-state.js";
import { spendingOf } from "./spending.js";
import { WindowBars } from "./window-bars.js";

/** Told of a run at most this often: fast enough to read along, and slow enough to leave the page free. */
const THROTTLE_MS = 100;

/** A question on its way to its answer. */
export function RunView(): ReactElement {
  const view = useAtpStream({ throttleMs: THROTTLE_MS });
  const { ask, cancel, updateWindow, feedback, plan, texts, final, status, usage } = view;
  const isRunning = status === "connecting" || status === "streaming";
  const onAsk = useCallback((question: Question) => void ask(question.text, optionsOf(question)), [ask]);
  const onCancel = useCallback(() => {
    cancel("cancelled on the page");
  }, [cancel]);
  const soFar = (view.provisional?.content as { consensus?: Partial<ConsensusContent> } | undefined)?.consensus;
  const states = callStates(plan, texts, soFar, final, isRunning);
  const spending = spendingOf(plan, texts, states, usage);
  return (
    <div className="run">
      <AskForm isRunning={isRunning} onAsk={onAsk} onCancel={onCancel} onWindow={updateWindow} />
      <RunStatus status={status} resumed={view.resumed} gaps={view.gaps} strategy={plan?.strategy} />
      {view.error !== undefined && <Failure error={view.error} />}
      {final !== undefined && <Answer final={final} onFeedback={feedback} />}
      {plan !== undefined && (
        <>
          <section className="card graph" aria-labelledby="plan-title">
            <h2 id="plan-title">Plan</h2>
            <PlanGraph plan={plan} states={states} isDone={final !== undefined} />
            <Reasons plan={plan} />
          </section>
          <Partials texts={texts} states={states} />
          <div className="columns">
            <Agreement run={view.run} final={final} plan={plan} />
            <WindowBars ceilings={view.ceilings} left={view.left} spending={spending} />
          </div>
        </>
      )}
      {(plan !== undefined || usage !== undefined) && <Bill spending={spending} usage={usage} plan={plan} />}
      {plan !== undefined && <Estimates plan={plan} />}
    </div>
  );
}
