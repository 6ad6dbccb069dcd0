import { memo, useState } from "react";
import type { ReactElement } from "react";
import { Choice } from "./choice.js";
import { firstQuestion, lanes, strategies } from "./question.js";
import type { Question } from "./question.js";
import { WindowFields } from "./window-fields.js";

/** The question, its lane, strategy and window; and while it runs: the window and an end. */
export const AskForm = memo(function AskForm({
  isRunning,
  onAsk,
  onCancel,
  onWindow,
}: {
  readonly isRunning: boolean;
  readonly onAsk: (question: Question) => void;
  readonly onCancel: () => void;
  readonly onWindow: (window: Question["window"]) => void;
}): ReactElement {
  const [question, setQuestion] = useState(firstQuestion);
  const change = (part: Partial<Question>): void => {
    setQuestion({ ...question, ...part });
  };
  const isEmpty = question.text.trim() === "";
  const submit = (): void => {
    if (!isEmpty) onAsk(question);
  };
  return (
    <form
      className="ask card"
      aria-label="Ask"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label className="field wide">
        Question
        <textarea
          rows={2}
          value={question.text}
          onChange={(event) => {
            change({ text: event.target.value });
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            submit();
          }}
        />
      </label>
      <Choice
        legend="Lane"
        values={lanes}
        chosen={question.qos}
        onChoose={(qos) => {
          change({ qos });
        }}
      />
      <label className="field">
        Strategy
        <select
          value={question.strategy}
          onChange={(event) => {
            change({ strategy: strategies.find((one) => one === event.target.value) ?? "auto" });
          }}
        >
          {strategies.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <WindowFields
        window={question.window}
        isRunning={isRunning}
        onChange={(window) => {
          change({ window });
        }}
        onApply={() => {
          onWindow(question.window);
        }}
      />
      <div className="actions">
        <button type="submit" className="primary" disabled={isEmpty}>
          {isRunning ? "Ask anew" : "Ask"}
        </button>
        <button type="button" onClick={onCancel} disabled={!isRunning}>
          Cancel
        </button>
      </div>
    </form>
  );
});
