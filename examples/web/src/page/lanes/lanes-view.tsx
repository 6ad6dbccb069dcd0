import type { ReactElement } from "react";
import { Bar } from "../bar.js";
import { count, percent, time } from "../format.js";
import { useLanes } from "./use-lanes.js";

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
            <div className="scroll" tabIndex={0} role="region" aria-label="Lanes">
              <table>
                <thead>
                  <tr>
                    {["Lane", "Weight", "Queued", "Running", "Granted", "Shed", "Oldest waits"].map((title) => (
                      <th key={title} scope="col">
                        {title}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {Object.entries(report.lanes).map(([name, lane]) => (
                    <tr key={name}>
                      <th scope="row">
                        <span className={`chip ${name}`}>{name}</span>
                      </th>
                      <td>{lane.weight}</td>
                      <td>{count(lane.queued)}</td>
                      <td>{count(lane.running)}</td>
                      <td>{count(lane.granted)}</td>
                      <td>{count(lane.shed)}</td>
                      <td>{time(lane.oldest_wait_ms)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
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
