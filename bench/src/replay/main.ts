/** What another policy would have cost, from the decision records of a router: `replay --records FILE [--policy NAME]... [--policy-file FILE]`. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  askOnly,
  checkPolicy,
  cheapest,
  type DecisionRecord,
  evaluate,
  type Evaluated,
  fitted,
  parseRecords,
  type TargetPolicy,
} from "atp-router-core/learning";
import { runBench } from "../harness/options.js";
import { progress } from "../harness/report.js";

/** What a right answer is worth, in micro-dollars, where a fitted policy is asked. */
const defaultValue = 20_000;

runBench(() => Promise.resolve().then(main));

function main(): void {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    options: {
      json: flag,
      long: flag,
      records: { type: "string" },
      task: { type: "string" },
      policy: { type: "string", multiple: true },
      "policy-file": { type: "string" },
      value: { type: "string", default: String(defaultValue) },
    },
  });
  if (values.records === undefined)
    throw new Error(
      "replay needs --records FILE: the file that `learning.records_file` of a router names. See docs/guides/routing-and-escalation.md.",
    );
  const { records: all, skipped } = parseRecords(readFileSync(values.records, "utf8").split("\n"));
  const records = values.task === undefined ? all : all.filter(({ task }) => task === values.task);
  if (records.length === 0) throw new Error(`${values.records} holds no decision record with an answer`);
  const priceOfErrorUsdMicros = Number(values.value);
  if (!(priceOfErrorUsdMicros > 0)) throw new Error("--value takes micro-dollars above 0");
  const names = [...new Set(records.flatMap(({ offers }) => offers.map(({ adapter }) => adapter)))].sort();
  const asked = values.policy ?? ["logged", "best", "cheapest", ...names.map((name) => `adapter:${name}`)];
  const policies = asked.map((name) => [name, named(name, names, records)] as const);
  const file = values["policy-file"];
  if (file !== undefined) {
    const checked = checkPolicy(JSON.parse(readFileSync(file, "utf8")));
    if (!checked.ok) throw new Error(`${file} is no policy: ${checked.problem}`);
    policies.push([`file:${file}`, fitted(checked.policy, { priceOfErrorUsdMicros })]);
  }
  if (skipped > 0) progress(`${skipped} lines are no record of an answer`);
  // What was done was done with certainty.
  const done = records.map((record) => ({ ...record, chances: undefined, everybody: false }));
  const results = policies.map(([name, policy]) => ({
    policy: name,
    ...evaluate(name === "logged" ? done : records, policy),
  }));
  const told = results.map(
    (r) =>
      `${r.policy.padEnd(24)} accuracy ${share(r.accuracy)}, by IPS ${share(r.accuracyIps)}; micro-dollars ${usd(r.usdMicros)}, by IPS ${usd(r.usdMicrosIps)}; ${r.matched} of ${r.records} records went its way, worth ${r.effective.toFixed(0)}, ${r.judged} judged`,
  );
  process.stdout.write(
    `${values.json ? JSON.stringify({ name: "replay", records: records.length, skipped, goals: [], policies: results }) : told.join("\n")}\n`,
  );
}

/** @throws Error when nobody goes by this name */
function named(name: string, adapters: readonly string[], records: readonly DecisionRecord[]): TargetPolicy {
  if (name === "logged") return logged;
  if (name === "cheapest") return cheapest;
  if (name === "best") {
    const judged = (adapter: string): number => {
      const { accuracyIps } = evaluate(
        records,
        askOnly(() => adapter),
      );
      return Number.isNaN(accuracyIps.value) ? -1 : accuracyIps.value;
    };
    const [best] = [...adapters].sort((a, b) => judged(b) - judged(a));
    return askOnly(() => best);
  }
  const adapter = /^adapter:(.+)$/.exec(name)?.[1];
  if (adapter === undefined || !adapters.includes(adapter))
    throw new Error(
      `no policy "${name}"; there are logged, best, cheapest and ${adapters.map((a) => `adapter:${a}`).join(", ")}`,
    );
  return askOnly(() => adapter);
}

/** What was done: the calls of the record in their order, and the answer that was given. */
function logged(record: DecisionRecord, asked: readonly string[]): ReturnType<TargetPolicy> {
  const next = record.calls[asked.length];
  return next === undefined ? { give: record.groups[0]?.[0] } : { ask: next.adapter };
}

function share(f: Evaluated): string {
  return `${(100 * f.value).toFixed(1)}% (${(100 * f.low).toFixed(1)} to ${(100 * f.high).toFixed(1)})`;
}

function usd(f: Evaluated): string {
  return `${f.value.toFixed(1)} (${f.low.toFixed(1)} to ${f.high.toFixed(1)})`;
}
