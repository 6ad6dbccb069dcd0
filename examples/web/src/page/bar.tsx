import { memo } from "react";
import type { ReactElement } from "react";

/** A quantity of a whole, such as money spent of a ceiling. */
export const Bar = memo(function Bar({
  label,
  value,
  max,
  text,
  isGood = false,
}: {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  /** What the bar says in words. */
  readonly text: string;
  /** Whether more is better. Else a bar that is almost full warns. */
  readonly isGood?: boolean;
}): ReactElement {
  const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
  return (
    <div className="bar">
      <span>{label}</span>
      <span className="bar-text">{text}</span>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max}
        aria-valuenow={Math.min(value, max)}
        aria-valuetext={text}
        className={`track ${isGood ? "good" : share > 0.9 ? "full" : ""}`}
      >
        <div style={{ transform: `scaleX(${share.toFixed(3)})` }} />
      </div>
    </div>
  );
});
