import type { Truth } from "../model/index.js";
import type { PromptFeatures } from "./prompt-features.js";

/** One call of a record. */
export interface RecordedCall {
  readonly adapter: string;
  readonly usdMicros: number;
}

/** What is read of a decision record, with the verdict that came later. */
export interface DecisionRecord {
  readonly task: string;
  readonly strategy: string;
  readonly features: PromptFeatures;
  /** Who could be asked, at its quote. */
  readonly offers: readonly RecordedCall[];
  /** Calls that answered, in the order in which they were made. */
  readonly calls: readonly RecordedCall[];
  /** The chance of each call at each decision, in order; undefined where the strategy left nothing to chance. */
  readonly chances: readonly Readonly<Record<string, number>>[] | undefined;
  /** Everybody was asked, whatever the answers. */
  readonly everybody: boolean;
  /** Adapters by answer, the one that was given first. */
  readonly groups: readonly (readonly string[])[];
  readonly truth: Truth;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const items = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
const named = (value: unknown): string => (typeof value === "string" ? value : "");
const amount = (value: unknown): number => (typeof value === "number" && value >= 0 ? value : 0);
const groupsOf = (value: unknown): readonly (readonly string[])[] =>
  Array.isArray(value)
    ? value.map((group) =>
        Array.isArray(group) ? group.filter((name): name is string => typeof name === "string") : [],
      )
    : [];

/**
 * Reads decision records, one JSON value a line, and joins verdicts to them by key. Streams that ended without an answer and lines that
 * are no record are counted in `skipped`.
 */
export function parseRecords(lines: Iterable<string>): {
  readonly records: readonly DecisionRecord[];
  readonly skipped: number;
} {
  const verdicts = new Map<string, { readonly groups: readonly (readonly string[])[]; readonly truth: Truth }>();
  const runs = new Map<string, Record<string, unknown>>();
  let skipped = 0;
  for (const line of lines) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // A line that a crash cut.
    }
    if (!isObject(value) || typeof value["key"] !== "string") skipped++;
    else if (isObject(value["verdict"])) {
      const { groups, truth } = value["verdict"];
      verdicts.set(value["key"], { groups: groupsOf(groups), truth: truthOf(truth) });
    } else if (isObject(value["answered"])) runs.set(value["key"], value);
    else skipped++;
  }
  const records = [...runs].map(([key, run]) => recordOf(run, verdicts.get(key)?.truth ?? { unknown: true }));
  return { records, skipped };
}

function truthOf(value: unknown): Truth {
  if (!isObject(value)) return { unknown: true };
  if (typeof value["right"] === "number") return { right: value["right"] };
  if (typeof value["wrong"] === "number") return { wrong: value["wrong"] };
  return value["none"] === true ? { none: true } : { unknown: true };
}

function recordOf(run: Record<string, unknown>, truth: Truth): DecisionRecord {
  const decisions = items(run["decisions"]);
  const strategy = named(run["strategy"]);
  const features = isObject(run["features"]) ? run["features"] : {};
  const values = features["values"];
  const explored = decisions.length > 0 && decisions.every(({ by }) => by === "explore");
  const calls = items(run["legs"])
    .filter(({ outcome }) => outcome === "ok")
    .map(({ adapter, usd }) => ({ adapter: named(adapter), usdMicros: amount(usd) }));
  const decided = decisions.flatMap(({ ask }) => (typeof ask === "string" ? [ask] : []));
  // A call that failed was followed by one that nobody decided: of such a run no chances are known.
  const aligned = decided.join("\n") === calls.map(({ adapter }) => adapter).join("\n");
  return {
    task: named(run["task_type"]),
    strategy,
    features: {
      values: Array.isArray(values) ? values.map((value) => (typeof value === "number" ? value : 0)) : [],
      category: named(features["category"]),
    },
    offers: items(run["candidates"]).flatMap(({ adapter, estimate }) =>
      isObject(estimate) ? [{ adapter: named(adapter), usdMicros: amount(estimate["usdMicros"]) }] : [],
    ),
    calls,
    chances:
      decisions.length === 0
        ? undefined
        : decisions.map(({ chances }) => (aligned && isObject(chances) ? (chances as Record<string, number>) : {})),
    everybody: explored || strategy === "fanout",
    groups: groupsOf(isObject(run["answered"]) ? run["answered"]["groups"] : undefined),
    truth,
  };
}
