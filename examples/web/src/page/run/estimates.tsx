import { memo } from "react";
import type { ReactElement } from "react";
import type { PlanContent } from "atp-client";
import { count, dollars, percent } from "../format.js";

/** What each adapter quoted before anything was spent. */
export const Estimates = memo(function Estimates({ plan }: { readonly plan: PlanContent }): ReactElement {
  return (
    <section className="card" aria-labelledby="estimates-title">
      <h2 id="estimates-title">Estimates</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of estimates">
        <table data-testid="estimates">
          <thead>
            <tr>
              <th scope="col">Adapter</th>
              <th scope="col">Status</th>
              <th scope="col">Tokens</th>
              <th scope="col">95 %</th>
              <th scope="col">Price</th>
              <th scope="col">Confidence</th>
            </tr>
          </thead>
          <tbody>
            {plan.candidates.map(({ adapter, status, estimate, failure }) => (
              <tr key={adapter}>
                <th scope="row">{adapter}</th>
                <td>{status}</td>
                {estimate === undefined ? (
                  <td colSpan={4}>{failure?.message ?? "no estimate"}</td>
                ) : (
                  <>
                    <td>{count(estimate.in_tokens + estimate.out_tokens)}</td>
                    <td>{estimate.p95_tokens === undefined ? "–" : count(estimate.p95_tokens)}</td>
                    <td>{dollars(estimate.usd_micros)}</td>
                    <td>{percent(estimate.confidence)}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
});
