import { memo, useState } from "react";
import type { ReactElement } from "react";
import { count, time } from "../format.js";
import { CopyButton } from "./copy-button.js";
import { kindOf } from "./frame-log.js";
import type { LoggedFrame } from "./frame-log.js";

/** One frame; it opens to its JSON. */
export const FrameRow = memo(function FrameRow({ logged }: { readonly logged: LoggedFrame }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const { frame, direction, bytes, atMs } = logged;
  return (
    <li className={`frame ${direction}`}>
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => {
          setOpen(!isOpen);
        }}
      >
        <span className="arrow">
          <span aria-hidden="true">{direction === "out" ? "↑" : "↓"}</span>
          <span className="hidden">{direction === "out" ? "sent" : "received"}</span>
        </span>
        <b>{kindOf(logged)}</b>
        <span className="flags">{frame.flags.join(" ")}</span>
        <span className="quiet">{frame.stream_id}</span>
        <span className="quiet">#{frame.msg_seq}</span>
        <span className="quiet">{count(bytes)} B</span>
        <span className="quiet">{time(atMs)}</span>
      </button>
      {isOpen && (
        <div className="json">
          <CopyButton label="Copy as JSON" text={() => JSON.stringify(frame, null, 2)} />
          <pre tabIndex={0} aria-label="The frame as JSON">
            {JSON.stringify(frame, null, 2)}
          </pre>
        </div>
      )}
    </li>
  );
});
