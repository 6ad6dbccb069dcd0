import { memo } from "react";
import type { ReactElement } from "react";
import type { PlanContent } from "atp-client";

/** What policy decided, and why the plan is as it is. */
export const Reasons = memo(function Reasons({ plan }: { readonly plan: PlanContent }): ReactElement {
  const { policy, why, excluded } = plan;
  return (
    <div className="reasons">
      {policy !== undefined && (
        <p data-testid="policy">
          <span className={policy.allow ? "badge good" : "badge bad"}>policy {policy.allow ? "allows" : "denies"}</span>{" "}
          {policy.engine !== undefined && <span className="quiet">{policy.engine} </span>}
          {policy.reasons.join(" ")}
        </p>
      )}
      <details>
        <summary>Why this plan</summary>
        <ul>
          {why.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
          {excluded.map(({ adapter, message }) => (
            <li key={adapter}>
              Left out {adapter}: {message}
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
});
