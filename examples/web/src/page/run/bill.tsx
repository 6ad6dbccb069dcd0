import { memo } from "react";
import type { ReactElement } from "react";
import type { Telemetry } from "atp-client";
import { count, dollars, time } from "../format.js";

/** What the run cost, by call. */
export const Bill = memo(function Bill({ usage }: { readonly usage: Telemetry }): ReactElement {
  const { tokens, usd, latency_ms: latency, ttfp_ms: first, estimate, escalations, adapters = [] } = usage;
  return (
    <section className="card" aria-labelledby="bill-title" data-testid="bill">
      <h2 id="bill-title">Bill</h2>
      <p>
        <b>{dollars(usd)}</b> for <b>{count(tokens)}</b> tokens in <b>{time(latency)}</b>
        {first !== undefined && `, the first piece after ${time(first)}`}
        {escalations !== undefined && escalations > 0 && `, ${escalations} escalations`}.
        {estimate !== undefined && (
          <span className="quiet">
            {" "}
            Estimated: {dollars(estimate.usd)}, {count(estimate.tokens)} tokens.
          </span>
        )}
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of calls">
        <table>
          <thead>
            <tr>
              <th scope="col">Call</th>
              <th scope="col">Outcome</th>
              <th scope="col">In</th>
              <th scope="col">Out</th>
              <th scope="col">Price</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {adapters.map((call, i) => (
              <tr key={i}>
                <th scope="row">{call.name}</th>
                <td title={call.error?.message}>{call.outcome}</td>
                <td>{count(call.in_tokens)}</td>
                <td>{count(call.out_tokens)}</td>
                <td>{dollars(call.usd)}</td>
                <td>{call.latency_ms === undefined ? "–" : time(call.latency_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
});
