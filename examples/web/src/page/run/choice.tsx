import type { ReactElement } from "react";

/** A few values of which one is chosen, as radio buttons. */
export function Choice<T extends string>({
  legend,
  values,
  chosen,
  onChoose,
}: {
  readonly legend: string;
  readonly values: readonly T[];
  readonly chosen: T;
  readonly onChoose: (value: T) => void;
}): ReactElement {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {values.map((value) => (
        <label key={value} className={`chip ${value}`}>
          <input
            type="radio"
            name={legend}
            value={value}
            checked={value === chosen}
            onChange={() => {
              onChoose(value);
            }}
          />
          {value}
        </label>
      ))}
    </fieldset>
  );
}
