import { patternOf } from "./patterns.js";

/** How often each pattern was seen, by epoch. */
type Epochs = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What one router counted of one task. Counts only grow. */
export interface TaskCounts {
  readonly epochs: Epochs;
}

/**
 * What routers learned, as one plain JSON value. Each router counts in its own column and only upwards, so that states can be merged
 * in any order, twice, and along any way (a grow-only counter, the simplest CRDT): the merge takes the larger of each cell.
 */
export interface LearningState {
  readonly v: 1;
  /** By the id of a router, then by task. */
  readonly replicas: Readonly<Record<string, Readonly<Record<string, TaskCounts>>>>;
  /** By task, then by adapter: its answers count only since this epoch, for it changed then. The larger one wins. */
  readonly since: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A state in which nothing was learned. */
export const emptyState: LearningState = { v: 1, replicas: {}, since: {} };

const count = (n: unknown): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Takes the members of an untrusted object that `of` accepts. No prototype: a name from elsewhere may be `__proto__`. */
function members<T>(value: unknown, of: (member: unknown, name: string) => T | undefined): Record<string, T> {
  const out = Object.create(null) as Record<string, T>;
  if (!isObject(value)) return out;
  for (const [name, member] of Object.entries(value)) {
    const taken = of(member, name);
    if (taken !== undefined) out[name] = taken;
  }
  return out;
}

const isEpoch = (name: string): boolean => /^\d{1,9}$/.test(name);

/**
 * A state from elsewhere, checked: what is not a count of a pattern is left out.
 * @throws RangeError when it is no state of this version at all
 */
export function parseState(value: unknown): LearningState {
  if (!isObject(value) || value["v"] !== 1)
    throw new RangeError("this is no learning state of version 1: it needs `v: 1`");
  const cells = (epoch: unknown): Record<string, number> =>
    members(epoch, (n, key) => (count(n) && patternOf(key) !== undefined ? n : undefined));
  const task = (given: unknown): TaskCounts => ({
    epochs: members(isObject(given) ? given["epochs"] : undefined, (epoch, name) =>
      isEpoch(name) ? cells(epoch) : undefined,
    ),
  });
  return {
    v: 1,
    replicas: members(value["replicas"], (tasks) => members(tasks, task)),
    since: members(value["since"], (adapters) => members(adapters, (n) => (count(n) ? n : undefined))),
  };
}

type Tree = { [name: string]: number | Tree };

/** The larger of each number; what only one side has stays. */
function larger(a: Tree, b: Tree): Tree {
  const out = Object.assign(Object.create(null) as Tree, a);
  for (const [name, theirs] of Object.entries(b)) {
    const ours = out[name];
    if (ours === undefined) out[name] = theirs;
    else if (typeof ours === "number" || typeof theirs === "number") out[name] = Math.max(Number(ours), Number(theirs));
    else out[name] = larger(ours, theirs);
  }
  return out;
}

/** What both know: commutative, associative and idempotent. */
export function mergeStates(a: LearningState, b: LearningState): LearningState {
  return {
    v: 1,
    replicas: larger(
      a.replicas as unknown as Tree,
      b.replicas as unknown as Tree,
    ) as unknown as LearningState["replicas"],
    since: larger(a.since, b.since) as unknown as LearningState["since"],
  };
}
