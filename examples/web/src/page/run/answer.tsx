import { memo, useState } from "react";
import type { ReactElement } from "react";
import type { Feedback, FinalResult } from "atp-client";
import { percent } from "../format.js";
import { Blocks } from "./blocks.js";
import { Citations } from "./citations.js";

/** The answer, who gave it, who disagreed, and what proves it. */
export const Answer = memo(function Answer({
  final,
  onFeedback,
}: {
  readonly final: FinalResult;
  readonly onFeedback: (feedback: Feedback) => boolean;
}): ReactElement {
  const { answer, adapter, consensus } = final;
  return (
    <section className="card answer" aria-labelledby="answer-title">
      <h2 id="answer-title">
        Answer
        {adapter !== undefined && <span className="quiet">from {adapter}</span>}
        {consensus !== undefined && <span className="badge good">{percent(consensus.agreement)} agree</span>}
        {consensus?.revised === true && <span className="badge">revised</span>}
      </h2>
      <div className="text" data-testid="answer">
        <Blocks text={answer} />
      </div>
      {consensus !== undefined && <Citations evidence={consensus.evidence} />}
      {consensus !== undefined && consensus.dissent.length > 0 && (
        <details>
          <summary>
            {consensus.dissent.length === 1 ? "Another answer" : `${consensus.dissent.length} other answers`}
          </summary>
          {consensus.dissent.map(({ adapters, answer: other, weight }) => (
            <blockquote key={adapters.join()}>
              <p className="text">{other}</p>
              <footer className="quiet">
                {adapters.join(", ")}, {percent(weight)} of the weight
              </footer>
            </blockquote>
          ))}
        </details>
      )}
      <Rate key={final.frame.stream_id} onFeedback={onFeedback} />
    </section>
  );
});

/** Tells the router what the answer was worth, once. */
function Rate({ onFeedback }: { readonly onFeedback: (feedback: Feedback) => boolean }): ReactElement {
  const [told, setTold] = useState<string>();
  const rate = (rating: number) => (): void => {
    setTold(onFeedback({ rating }) ? "Told the router. Thank you." : "The router could not be told.");
  };
  return (
    <p className="rate">
      {told === undefined ? (
        <>
          <button type="button" onClick={rate(1)}>
            Helpful
          </button>
          <button type="button" onClick={rate(0)}>
            Not helpful
          </button>
        </>
      ) : (
        <span role="status">{told}</span>
      )}
    </p>
  );
}
