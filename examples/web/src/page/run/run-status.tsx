import { memo } from "react";
import type { ReactElement } from "react";
import type { RunStatus as Status } from "atp-client/react";

const words: Readonly<Record<Status, string>> = {
  idle: "Nothing was asked yet.",
  connecting: "Asked. Waiting for the router.",
  streaming: "The router is at work.",
  done: "Answered.",
  failed: "Ended without an answer.",
  cancelled: "Cancelled.",
  detached: "Let go of.",
};

/** Where the run stands, in a sentence that screen readers hear. */
export const RunStatus = memo(function RunStatus({
  status,
  resumed,
  gaps,
  strategy,
}: {
  readonly status: Status;
  readonly resumed: number;
  readonly gaps: number;
  readonly strategy: string | undefined;
}): ReactElement {
  return (
    <p className={`status ${status}`} role="status" data-testid="status" data-status={status}>
      {words[status]}
      {strategy !== undefined && ` Strategy: ${strategy}.`}
      {resumed > 0 && ` Resumed ${resumed === 1 ? "once" : `${resumed} times`}, nothing lost.`}
      {gaps > 0 && ` ${gaps} times pieces were lost and told anew.`}
    </p>
  );
});
