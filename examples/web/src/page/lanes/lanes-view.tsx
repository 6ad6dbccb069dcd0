import type { ReactElement } from "react";
import { Bar } from "../bar.js";
import { DataTable } from "../data-table.js";
import type { Row } from "../data-table.js";
import { count, percent, time } from "../format.js";
import { useLanes } from "./use-lanes.js";
import type { LanesReport } from "./use-lanes.js";

const columns = ["Lane", "Weight", "Queued", "Running", "Granted", "Shed", "Oldest waits"];

/** The router's load: what waits and what runs in each lane, and at each adapter. */
export function LanesView(): ReactElement {
  const { report, error } = useLanes();
  return (
    <div className="lanes" data-testid="lanes">
      {error !== undefined && (
        <p role="alert" className="card failure">
          The router's load is not known: {error}
        </p>
      )}
      {report === undefined ? (
        <p>Asking the router…</p>
      ) : (
        <>
          <section className="card" aria-labelledby="load-title">
            <h2 id="load-title">Load</h2>
            <Bar
              label="Calls running"
              value={report.running}
              max={report.slots}
              text={`${count(report.running)} of ${count(report.slots)}`}
            />
            <p className="quiet">{percent(report.admitted_share)} of what comes is let in.</p>
            <DataTable label="Lanes" columns={columns} rows={rowsOf(report)} />
          </section>
          <section className="card" aria-labelledby="adapters-title">
            <h2 id="adapters-title">Adapters</h2>
            {Object.entries(report.adapters).map(([name, { status, running, limit }]) => (
              <Bar
                key={name}
                label={`${name}, ${status}`}
                value={running}
                max={limit}
                text={`${running} of ${limit}`}
              />
            ))}
          </section>
        </>
      )}
    </div>
  );
}

function rowsOf({ lanes }: LanesReport): readonly Row[] {
  return Object.entries(lanes).map(([name, lane]) => ({
    key: name,
    head: <span className={`chip ${name}`}>{name}</span>,
    cells: [
      lane.weight,
      count(lane.queued),
      count(lane.running),
      count(lane.granted),
      count(lane.shed),
      time(lane.oldest_wait_ms),
    ],
  }));
}
