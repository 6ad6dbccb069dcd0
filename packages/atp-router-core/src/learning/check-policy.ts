import type { AnswerPolicy, TaskPolicy } from "./answer-policy.js";
import { stateSize } from "./state-features.js";
import type { VoteModel } from "./vote-model.js";

/** A checked policy, or the first thing that is wrong with it and where. */
export type CheckedPolicy =
  | { readonly ok: true; readonly policy: AnswerPolicy }
  | { readonly ok: false; readonly problem: string };

/** Adapters of one task at most: a decision's cost grows with them. */
const MAX_ADAPTERS = 64;

class Problem extends Error {}

type Json = Readonly<Record<string, unknown>>;

/**
 * Checks a policy that came from outside: every list is as long as its adapters, every number is finite, every name in a rule is
 * an adapter of its task. An imported policy that passes cannot make a decision throw.
 */
export function checkPolicy(value: unknown): CheckedPolicy {
  try {
    const policy = object(value, "policy");
    if (policy["version"] !== 1) throw new Problem("policy.version must be 1");
    const tasks = object(policy["tasks"], "policy.tasks");
    for (const [name, task] of Object.entries(tasks)) checkTask(object(task, name), name);
    return { ok: true, policy: value as AnswerPolicy };
  } catch (problem) {
    if (problem instanceof Problem) return { ok: false, problem: problem.message };
    throw problem;
  }
}

function checkTask(task: Json, at: string): asserts task is Json & TaskPolicy {
  const adapters = names(task["adapters"], `${at}.adapters`);
  if (adapters.length === 0 || adapters.length > MAX_ADAPTERS)
    throw new Problem(`${at}.adapters must name 1 to ${MAX_ADAPTERS}`);
  if (new Set(adapters).size !== adapters.length) throw new Problem(`${at}.adapters names one twice`);
  numbers(task["usdMicros"], `${at}.usdMicros`, adapters.length, 0);
  if (typeof task["champion"] !== "string") throw new Problem(`${at}.champion must be a name`);
  const votes = object(task["votes"], `${at}.votes`);
  checkVotes(votes, `${at}.votes`);
  const withPrompt = votes["prompt"] instanceof Array && votes["prompt"].length > 0;
  // A value rule reads the votes along the task's adapters.
  if (JSON.stringify(votes["adapters"]) !== JSON.stringify(adapters))
    throw new Problem(`${at}.votes.adapters must be ${at}.adapters`);
  const points = list(task["points"], `${at}.points`);
  if (points.length === 0) throw new Problem(`${at}.points must have at least one`);
  let before = -1;
  points.forEach((one, i) => {
    const where = `${at}.points[${i}]`;
    const point = object(one, where);
    const usdMicros = number(point["usdMicros"], `${where}.usdMicros`, 0);
    if (usdMicros <= before) throw new Problem(`${where}.usdMicros must be over that of the point before`);
    before = usdMicros;
    number(point["accuracy"], `${where}.accuracy`, 0, 1);
    checkRule(object(point["rule"], `${where}.rule`), `${where}.rule`, adapters, withPrompt);
  });
}

function checkRule(rule: Json, at: string, adapters: readonly string[], withPrompt: boolean): void {
  if (rule["kind"] === "cascade") {
    const order = names(rule["order"], `${at}.order`);
    if (order.length === 0 || order.some((name) => !adapters.includes(name)))
      throw new Problem(`${at}.order must name adapters of its task`);
    numbers(rule["thresholds"], `${at}.thresholds`, order.length - 1, 0, 1);
    return;
  }
  if (rule["kind"] !== "value") throw new Problem(`${at}.kind must be cascade or value`);
  const size = stateSize(adapters.length, withPrompt);
  numbers(rule["mean"], `${at}.mean`, size);
  numbers(rule["deviation"], `${at}.deviation`, size, 0);
  if (number(rule["priceOfErrorUsdMicros"], `${at}.priceOfErrorUsdMicros`, 0) === 0)
    throw new Problem(`${at}.priceOfErrorUsdMicros must be over 0`);
  const gain = list(rule["gain"], `${at}.gain`, adapters.length);
  gain.forEach((stage, asked) => {
    list(stage, `${at}.gain[${asked}]`, adapters.length).forEach((weights, m) => {
      const where = `${at}.gain[${asked}][${m}]`;
      if (list(weights, where).length > 0) numbers(weights, where, size);
    });
  });
}

function checkVotes(votes: Json, at: string): asserts votes is Json & VoteModel {
  const count = names(votes["adapters"], `${at}.adapters`).length;
  for (const name of ["weight", "dissent", "silent"]) numbers(votes[name], `${at}.${name}`, count);
  numbers(votes["size"], `${at}.size`, 3);
  numbers(votes["none"], `${at}.none`, 4);
  number(votes["unknownWeight"], `${at}.unknownWeight`);
  const scale = object(votes["scale"], `${at}.scale`);
  const mean = list(scale["mean"], `${at}.scale.mean`);
  numbers(mean, `${at}.scale.mean`, mean.length);
  numbers(scale["deviation"], `${at}.scale.deviation`, mean.length, 0);
  const features = mean.length + names(scale["categories"], `${at}.scale.categories`).length;
  const rows = (name: string, width: number): void => {
    const table = list(votes[name], `${at}.${name}`);
    if (table.length === 0) return;
    if (table.length !== count) throw new Problem(`${at}.${name} must have a row for each adapter or none`);
    table.forEach((row, i) => {
      numbers(row, `${at}.${name}[${i}]`, width);
    });
  };
  rows("prompt", features);
  rows("length", 2);
  rows("lengthScale", 2);
  const pairs = list(votes["pairs"], `${at}.pairs`);
  if (pairs.length > 0) numbers(pairs, `${at}.pairs`, (count * (count - 1)) / 2);
  const nonePrompt = list(votes["nonePrompt"], `${at}.nonePrompt`);
  if (nonePrompt.length > 0) numbers(nonePrompt, `${at}.nonePrompt`, features);
}

function object(value: unknown, at: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Problem(`${at} must be an object`);
  return value as Json;
}

function list(value: unknown, at: string, length?: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new Problem(`${at} must be a list`);
  if (length !== undefined && value.length !== length) throw new Problem(`${at} must have ${length} members`);
  return value as readonly unknown[];
}

function names(value: unknown, at: string): readonly string[] {
  const all = list(value, at);
  if (!all.every((name) => typeof name === "string")) throw new Problem(`${at} must be names`);
  return all;
}

function number(value: unknown, at: string, least = -1e12, most = 1e12): number {
  if (typeof value !== "number" || !(value >= least && value <= most))
    throw new Problem(`${at} must be a number from ${least} to ${most}`);
  return value;
}

function numbers(value: unknown, at: string, length: number, least?: number, most?: number): void {
  list(value, at, length).forEach((one, i) => {
    number(one, `${at}[${i}]`, least, most);
  });
}
