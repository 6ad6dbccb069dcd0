import { memo, useMemo } from "react";
import type { ReactElement } from "react";
import type { PlanContent } from "atp-client";
import { slotName, stateWords } from "./call-state.js";
import type { CallState } from "./call-state.js";
import { boxHeight, layOut } from "./plan-layout.js";
import { useNarrow } from "./use-narrow.js";

/** The plan as a graph: rungs from left to right, or from top to bottom; what runs is lit. Screen readers get the same as a list. */
export function PlanGraph(props: {
  readonly plan: PlanContent;
  readonly states: ReadonlyMap<string, CallState>;
  readonly isDone: boolean;
}): ReactElement {
  // States are few and short: as one text they tell cheaply whether anything changed.
  return <Graph plan={props.plan} isDone={props.isDone} told={JSON.stringify([...props.states])} />;
}

const Graph = memo(function Graph({
  plan,
  told,
  isDone,
}: {
  readonly plan: PlanContent;
  readonly told: string;
  readonly isDone: boolean;
}): ReactElement {
  const isNarrow = useNarrow();
  const layout = useMemo(() => layOut(plan, isNarrow), [plan, isNarrow]);
  const states = new Map(JSON.parse(told) as readonly [string, CallState][]);
  const stateOf = (id: string): CallState => states.get(id) ?? "waiting";
  const size = { width: layout.width + 4, height: layout.height + 4 };
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label="Graph of the plan">
        <svg {...size} viewBox={`-2 -2 ${size.width} ${size.height}`} aria-hidden="true" data-testid="plan">
          {layout.edges.map(({ id, path, slot }) => (
            <path key={id} d={path} className={`edge ${stateOf(slot)}`} />
          ))}
          {layout.boxes.map(({ id, title, note, x, y, kind }) => {
            const state = kind === "call" ? stateOf(id) : isDone ? "chosen" : "waiting";
            return (
              <g key={`${kind} ${id}`} className={`node ${kind} ${state}`} transform={`translate(${x} ${y})`}>
                <rect width={layout.boxWidth} height={boxHeight} rx="8" />
                <text x="12" y="19">
                  {title.length > 21 ? `${title.slice(0, 20)}…` : title}
                </text>
                <text x="12" y="36" className="note">
                  {kind === "call" ? `${stateWords[state]} · ${note}` : note}
                </text>
              </g>
            );
          })}
        </svg>
      </div>
      <ol className="hidden" aria-label="Rungs of the plan">
        {plan.rungs.map((rung, i) => (
          <li key={i}>
            {rung
              .map(({ adapter, sample }) => slotName(adapter, sample))
              .map((slot) => `${slot}: ${stateWords[stateOf(slot)]}`)
              .join(", ")}
          </li>
        ))}
      </ol>
    </>
  );
});
