import { memo } from "react";
import type { ReactElement } from "react";
import type { PlanContent } from "atp-client";
import { DataTable } from "../data-table.js";
import { count, dollars, percent } from "../format.js";

const columns = ["Adapter", "Status", "Tokens", "95 %", "Price", "Confidence"];

/** What each adapter quoted before anything was spent. */
export const Estimates = memo(function Estimates({ plan }: { readonly plan: PlanContent }): ReactElement {
  const rows = plan.candidates.map(({ adapter, status, estimate, failure }) => ({
    key: adapter,
    head: adapter,
    title: failure?.message,
    cells:
      estimate === undefined
        ? [status, failure?.kind ?? "no estimate", "–", "–", "–"]
        : [
            status,
            count(estimate.in_tokens + estimate.out_tokens),
            estimate.p95_tokens === undefined ? "–" : count(estimate.p95_tokens),
            dollars(estimate.usd_micros),
            percent(estimate.confidence),
          ],
  }));
  return (
    <section className="card" aria-labelledby="estimates-title">
      <h2 id="estimates-title">Estimates</h2>
      <DataTable label="Table of estimates" columns={columns} rows={rows} testId="estimates" />
    </section>
  );
});
