import { memo } from "react";
import type { ReactElement } from "react";
import type { PlanContent, Telemetry } from "atp-client";
import { Bar } from "../bar.js";
import { DataTable } from "../data-table.js";
import { count, dollars, time } from "../format.js";
import type { CallSpending, Spending } from "./spending.js";

const columns = ["Call", "Outcome", "In", "Out", "Price", "Time"];

/** What the run costs: guessed by what was said while it runs, and billed at the end; a bar for each call of the most it may cost. */
export function Bill({
  spending,
  usage,
  plan,
}: {
  readonly spending: Spending;
  readonly usage: Telemetry | undefined;
  readonly plan: PlanContent | undefined;
}): ReactElement {
  const { calls, usdMicros, tokens } = spending;
  const most = Math.max(plan?.worst?.usd_micros ?? 0, usdMicros);
  return (
    <section className="card" aria-labelledby="bill-title" data-testid="bill">
      <h2 id="bill-title">Bill</h2>
      {usage === undefined ? (
        <p>
          About <b>{dollars(usdMicros)}</b> for <b>{count(tokens)}</b> tokens so far, by what was said.
        </p>
      ) : (
        <Total usage={usage} />
      )}
      <Bar
        label={usage === undefined ? "In all, so far" : "In all"}
        value={usdMicros}
        max={most}
        text={`${dollars(usdMicros)} of at most ${dollars(most)}`}
      />
      {calls.map((call, i) => (
        <CallBar key={i} call={call} />
      ))}
      {usage !== undefined && <Calls calls={calls} />}
    </section>
  );
}

function CallBar({ call: { slot, usdMicros, held } }: { readonly call: CallSpending }): ReactElement {
  const most = Math.max(held.usdMicros, usdMicros);
  return <Bar label={slot} value={usdMicros} max={most} text={`${dollars(usdMicros)} of ${dollars(most)}`} />;
}

const Total = memo(function Total({ usage }: { readonly usage: Telemetry }): ReactElement {
  const { tokens, usd, latency_ms: latency, ttfp_ms: first, estimate, escalations } = usage;
  return (
    <p>
      <b>{dollars(usd)}</b> for <b>{count(tokens)}</b> tokens in <b>{time(latency)}</b>
      {first !== undefined && `, the first piece after ${time(first)}`}
      {escalations !== undefined &&
        escalations > 0 &&
        `, escalated ${escalations === 1 ? "once" : `${escalations} times`}`}
      .
      {estimate !== undefined && (
        <span className="quiet">
          {" "}
          Estimated: {dollars(estimate.usd)}, {count(estimate.tokens)} tokens.
        </span>
      )}
    </p>
  );
});

function Calls({ calls }: { readonly calls: readonly CallSpending[] }): ReactElement {
  const rows = calls.map(({ slot, outcome, inTokens, outTokens, usdMicros, latencyMs }, i) => ({
    key: `${slot} ${i}`,
    head: slot,
    cells: [
      outcome,
      count(inTokens),
      count(outTokens),
      dollars(usdMicros),
      latencyMs === undefined ? "–" : time(latencyMs),
    ],
  }));
  return <DataTable label="Table of calls" columns={columns} rows={rows} />;
}
