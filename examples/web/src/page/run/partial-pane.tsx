import { memo, useLayoutEffect, useRef } from "react";
import type { ReactElement } from "react";
import { stateWords } from "./call-state.js";
import type { CallState } from "./call-state.js";
import { Blocks } from "./blocks.js";
import { count } from "../format.js";

/** One adapter's text. It follows the end while nobody scrolls up in it. */
export const PartialPane = memo(function PartialPane({
  slot,
  state,
  text,
}: {
  readonly slot: string;
  readonly state: CallState;
  readonly text: string;
}): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    // Past the end on purpose: asking for the height first would lay the page out twice.
    if (follows.current && text !== "") box.current?.scrollTo(0, 1e7);
  }, [text]);
  return (
    <article className={`pane ${state}`} aria-label={slot}>
      <h3>
        <span className="dot" aria-hidden="true" />
        {slot}
        <span className="quiet">
          {stateWords[state]} · {count(text.length)} chars
        </span>
      </h3>
      <div
        className="text"
        ref={box}
        tabIndex={0}
        role="region"
        aria-label={`Text of ${slot}`}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follows.current = scrollTop + clientHeight > scrollHeight - 24;
        }}
      >
        <Blocks text={text} />
      </div>
    </article>
  );
});
