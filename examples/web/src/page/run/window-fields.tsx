import type { ReactElement } from "react";
import type { Question } from "./question.js";

type Ceilings = Question["window"];

const fields: readonly { readonly key: keyof Ceilings; readonly label: string }[] = [
  { key: "max_parallel", label: "Calls at once" },
  { key: "max_tokens", label: "Tokens" },
  { key: "max_usd_micros", label: "Micro-dollars" },
];

/** The three ceilings of a run. While it runs they can be moved. */
export function WindowFields({
  window,
  isRunning,
  onChange,
  onApply,
}: {
  readonly window: Ceilings;
  readonly isRunning: boolean;
  readonly onChange: (window: Ceilings) => void;
  readonly onApply: () => void;
}): ReactElement {
  return (
    <fieldset className="window">
      <legend>Window</legend>
      {fields.map(({ key, label }) => (
        <label key={key} className="field">
          {label}
          <input
            type="number"
            min={key === "max_parallel" ? 1 : 0}
            max={Number.MAX_SAFE_INTEGER}
            step="any"
            value={window[key]}
            onChange={({ target }) => {
              const value = Math.round(target.valueAsNumber);
              if (Number.isSafeInteger(value) && value >= 0) onChange({ ...window, [key]: value });
            }}
          />
        </label>
      ))}
      <button type="button" disabled={!isRunning} onClick={onApply}>
        Change window
      </button>
    </fieldset>
  );
}
