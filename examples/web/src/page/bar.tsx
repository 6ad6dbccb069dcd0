import { memo } from "react";
import type { ReactElement } from "react";

/** A quantity of a whole, such as money spent of a ceiling. */
export const Bar = memo(function Bar({
  label,
  value,
  more = 0,
  max,
  text,
  isGood = false,
}: {
  readonly label: string;
  readonly value: number;
  /** What may come to the value, shown paler behind it. */
  readonly more?: number;
  readonly max: number;
  /** What the bar says in words. */
  readonly text: string;
  /** Whether more is better. Else a bar that is almost full warns. */
  readonly isGood?: boolean;
}): ReactElement {
  const share = (part: number): number => (max > 0 ? Math.min(1, Math.max(0, part / max)) : 0);
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
        className={`track ${isGood ? "good" : share(value) > 0.9 ? "full" : ""}`}
      >
        {more > 0 && <div className="more" style={{ transform: `scaleX(${share(value + more).toFixed(3)})` }} />}
        <div style={{ transform: `scaleX(${share(value).toFixed(3)})` }} />
      </div>
    </div>
  );
});
