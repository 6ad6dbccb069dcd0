import type { Qos, StreamOptions, Strategy, Window } from "atp-client";

/** What the form holds. */
export interface Question {
  readonly text: string;
  readonly qos: Qos;
  readonly strategy: Strategy;
  readonly window: Required<Pick<Window, "max_parallel" | "max_tokens" | "max_usd_micros">>;
}

export const lanes: readonly Qos[] = ["gold", "silver", "bronze"];

export const strategies: readonly Strategy[] = ["auto", "single", "race", "cascade", "quorum", "fanout", "clones"];

export const firstQuestion: Question = {
  text: "How is a budget kept?",
  qos: "gold",
  strategy: "fanout",
  window: { max_parallel: 8, max_tokens: 50_000, max_usd_micros: 100_000 },
};

/** The options of a run that asks it. */
export function optionsOf({ qos, strategy, window }: Question): StreamOptions {
  return { qos, strategy, window, taskType: "qa", tools: ["fs.read"], deadlineMs: 300_000 };
}
