import { useMemo, useState, useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { Choice } from "../run/choice.js";
import { CopyButton } from "./copy-button.js";
import { everything, passing } from "./filter.js";
import type { LoggedFrame } from "./frame-log.js";
import { FrameRow } from "./frame-row.js";
import { frameLog } from "./log.js";
import { Timeline } from "./timeline.js";

/** Rows that are shown of those that pass, the newest. */
const ROWS = 150;

/** Every frame both ways: over time, filtered, opened, copied. */
export function FrameInspector(): ReactElement {
  const live = useSyncExternalStore(frameLog.subscribe, frameLog.frames);
  const [held, setHeld] = useState<readonly LoggedFrame[]>();
  const [filter, setFilter] = useState(everything);
  const frames = held ?? live;
  const shown = useMemo(() => passing(frames, filter), [frames, filter]);
  const rows = shown.slice(-ROWS).reverse();
  return (
    <section className="inspector" aria-label="Frames" data-testid="frames">
      <div className="card tools">
        <label className="field">
          Filter
          <input
            type="search"
            placeholder="partial, stream, any word of the frame"
            value={filter.words}
            onChange={(event) => {
              setFilter({ ...filter, words: event.target.value });
            }}
          />
        </label>
        <Choice
          legend="Direction"
          values={["both", "in", "out"]}
          chosen={filter.direction}
          onChoose={(direction) => {
            setFilter({ ...filter, direction });
          }}
        />
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => {
            setHeld(held === undefined ? live : undefined);
          }}
        >
          Hold still
        </button>
        <button
          type="button"
          onClick={() => {
            setHeld(undefined);
            frameLog.clear();
          }}
        >
          Clear
        </button>
        <CopyButton
          label="Copy all as JSON"
          text={() =>
            JSON.stringify(
              shown.map(({ frame }) => frame),
              null,
              2,
            )
          }
        />
      </div>
      <Timeline frames={shown} />
      <p className="quiet">
        {shown.length} of {frames.length} frames{shown.length > ROWS ? `, the newest ${ROWS} below` : ""}
      </p>
      <ol className="frames">
        {rows.map((logged) => (
          <FrameRow key={logged.number} logged={logged} />
        ))}
      </ol>
    </section>
  );
}
