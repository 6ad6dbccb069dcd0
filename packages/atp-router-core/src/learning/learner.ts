import type { AccuracyPrior } from "./difficulty.js";
import type { Lookahead, Prospect, Standing } from "./lookahead.js";
import { affordable, newPacer, owed, paid, priceOfMoney } from "./pacer.js";
import type { Pacer } from "./pacer.js";
import { patternKey, patternOf } from "./patterns.js";
import type { Pattern, Truth } from "./patterns.js";
import { reliability } from "./reliability.js";
import type { Beta } from "./reliability.js";
import { emptyState, mergeStates, parseState } from "./state.js";
import type { LearningState } from "./state.js";
import { createTaskLearner } from "./task-learner.js";
import type { TaskLearner } from "./task-learner.js";

/** Verdicts that share an epoch: what is told apart when an adapter changed, and when old verdicts fade. */
const EPOCH = 32;
/** How fast the usual price of a call follows its quotes. */
const FOLLOW = 0.05;
/** How far above its target a governor lets spending go for one call, in requests' worth. */
const BAND = 6;

/** How a learner learns and what for. */
export interface LearnerConfig {
  /** Names this router among those it merges with. */
  readonly replica: string;
  /** What is believed of adapters before anything was seen, by task, then by name. */
  readonly priors?: Readonly<Record<string, Readonly<Record<string, AccuracyPrior>>>>;
  /**
   * Questions of a task that ask every adapter, so that it is known who agrees with whom. Priors of twenty verdicts and more make it
   * needless. @default 25
   */
  readonly exploreFirst?: number;
  /** Holds spending to this many micro-dollars a request. @default none: a right answer's value decides */
  readonly targetUsdMicros?: number;
  /** Decide by the best belief alone, never by one drawn from what is still believable: nothing new is found out. @default false */
  readonly greedy?: boolean;
  /** @default 1 */
  readonly seed?: number;
}

/** One question on its way. Plain data; keep it from the first advice to its end. */
export interface Question {
  readonly task: string;
  readonly bucket: string;
  /** What a right answer is worth, in micro-dollars. */
  readonly valueUsdMicros: number;
  /** It asks everybody, to learn. */
  readonly explores: boolean;
  /** Which belief decides it, 0 to 1. */
  readonly u: number;
  /** What a micro-dollar counts for it. */
  readonly priceOfMoney: number;
}

/** Who can be asked, at its quote. */
export interface Offer {
  readonly adapter: string;
  readonly usdMicros: number;
}

/** What asking an adapter promises. */
export interface Option extends Offer {
  /** Rise of the chance to end with a right answer, less what later calls would cost. */
  readonly gain: number;
  /** The gain less the call's price, as a chance of a right answer. Worth it above 0. */
  readonly net: number;
}

/** What to do next, and why. */
export interface Advice {
  /** Whom to ask; absent: answer now. */
  readonly ask?: string;
  /** The group to answer with: an index into the groups given; -1 while there is none. */
  readonly leading: number;
  /** Chance that it is right. */
  readonly confidence: number;
  /** Chance of each group. */
  readonly right: readonly number[];
  /** Who could be asked, best first. */
  readonly options: readonly Option[];
  /** `explore`: to learn; `value`: by what it brings; `first`: nobody answered yet; `policy`: by an imported policy. */
  readonly by: "explore" | "value" | "first" | "policy";
  /** The reason in a sentence, where the one who advises has one of its own. */
  readonly why?: string;
  /** Share of the beliefs that would do the same: the chance of this decision. Asks every belief, so call it only for a record. */
  propensity(): number;
}

/** What a question came to. */
export interface Outcome {
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
  readonly truth: Truth;
}

/** Learns who is right in which task, and advises whom to ask next. Pure: the same calls give the same answers. */
export interface Learner {
  /** A question arrives. `u` is uniform in [0, 1). */
  begin(
    task: string,
    options: {
      readonly bucket?: string;
      readonly valueUsdMicros: number;
      readonly u: number;
      /** It is only explained: it does not count. */
      readonly dryRun?: boolean;
    },
  ): Question;
  advise(
    question: Question,
    seen: { readonly groups: Standing["groups"]; readonly silent: readonly string[]; readonly paidUsdMicros: number },
    offers: readonly Offer[],
  ): Advice;
  /** A question was paid for, whatever came of it. */
  spent(usdMicros: number): void;
  /** A verdict on a question's answers; `unknown` when nobody gave one. Adapters that changed are told. */
  learn(question: Pick<Question, "task" | "bucket">, outcome: Outcome): readonly string[];
  /** Chance that each adapter is right on a question of a task, by what is known. */
  accuracy(task: string, bucket?: string): Readonly<Record<string, number>>;
  /** Verdicts on an adapter in a task over what is known of it elsewhere. */
  reliability(task: string, adapter: string): Beta;
  /** Fits what came in, so that no request has to wait for it. */
  refresh(): void;
  export(): LearningState;
  /** Takes in what another router learned. @throws RangeError when it is no learning state */
  merge(state: unknown): void;
  readonly pacer: Pacer | undefined;
  /** Verdicts by task, unknown ones included. */
  readonly learned: Readonly<Record<string, number>>;
}

interface TaskState {
  readonly learner: TaskLearner;
  readonly usual: Map<string, number>;
  epoch: number;
  judged: number;
  begun: number;
  /** This router's own counts: by epoch, then by pattern. */
  readonly own: Map<number, Map<string, number>>;
  verdicts: Record<string, Beta>;
}

/** A learner that knows its priors. */
export function createLearner(config: LearnerConfig): Learner {
  const tasks = new Map<string, TaskState>();
  const pacer =
    config.targetUsdMicros === undefined ? undefined : newPacer({ targetUsdMicros: config.targetUsdMicros });
  const exploreFirst = config.exploreFirst ?? 25;
  const normal = normals(config.seed ?? 1);
  let others: LearningState = emptyState;

  function taskOf(task: string): TaskState {
    const had = tasks.get(task);
    if (had !== undefined) return had;
    const learner = createTaskLearner({
      priors: config.priors?.[task] ?? {},
      counts: () => counts(task),
      epoch: () => taskOf(task).epoch,
      since: () => others.since[task] ?? {},
      normal,
      greedy: config.greedy ?? false,
    });
    const state: TaskState = {
      learner,
      usual: new Map(),
      epoch: 0,
      judged: 0,
      begun: 0,
      own: new Map(),
      verdicts: {},
    };
    tasks.set(task, state);
    return state;
  }

  function* counts(task: string): Generator<readonly [number, string, number]> {
    for (const [epoch, cells] of tasks.get(task)?.own ?? []) for (const [key, n] of cells) yield [epoch, key, n];
    for (const [replica, byTask] of Object.entries(others.replicas)) {
      if (replica === config.replica) continue;
      for (const [epoch, cells] of Object.entries(byTask[task]?.epochs ?? {}))
        for (const [key, n] of Object.entries(cells)) yield [Number(epoch), key, n];
    }
  }

  /** Tells verdicts on adapters, for people. */
  function countVerdicts(state: TaskState, { groups, silent, truth }: Outcome, n: number): void {
    if (!("right" in truth) && !("none" in truth)) return;
    const note = (adapter: string, right: boolean): void => {
      const { right: r, wrong: w } = state.verdicts[adapter] ?? { right: 0, wrong: 0 };
      state.verdicts[adapter] = right ? { right: r + n, wrong: w } : { right: r, wrong: w + n };
    };
    groups.forEach((group, k) => group.forEach((adapter) => note(adapter, "right" in truth && truth.right === k)));
    for (const adapter of silent) note(adapter, false);
  }

  return {
    begin(task, { bucket = "", valueUsdMicros, u, dryRun = false }) {
      const state = taskOf(task);
      // A governor spreads exploring over as many questions as its target allows.
      const explores =
        state.begun < exploreFirst && !hasPriors(config, task) && (pacer === undefined || owed(pacer) <= 0);
      if (!dryRun && (explores || pacer === undefined)) state.begun++;
      // Two uniform numbers of one: its leading part chooses the belief, the rest the step of the price.
      const price = pacer === undefined ? 1 : priceOfMoney(pacer, (u * 4_096) % 1);
      return { task, bucket, valueUsdMicros, explores, u, priceOfMoney: price };
    },
    advise(question, seen, offers) {
      const state = taskOf(question.task);
      const { learner, usual } = state;
      for (const { adapter, usdMicros } of offers) {
        learner.know(adapter);
        const known = usual.get(adapter);
        usual.set(adapter, known === undefined ? usdMicros : known + FOLLOW * (usdMicros - known));
      }
      learner.refresh();
      const asked = new Set([...seen.groups.flat(), ...seen.silent]);
      const left = offers.filter(({ adapter }) => !asked.has(adapter));
      const perMicro = question.priceOfMoney / Math.max(1, question.valueUsdMicros);
      const can = new Set([...asked, ...offers.map(({ adapter }) => adapter)]);
      const prices = new Map([...usual].filter(([name]) => can.has(name)).map(([name, usd]) => [name, usd * perMicro]));
      const scale = `${perMicro} ${can.size === learner.adapters.length ? "" : [...can].sort().join()}`;
      const standing = { bucket: question.bucket, groups: seen.groups, silent: seen.silent };
      const fits = ({ usdMicros }: Offer): boolean =>
        pacer === undefined || affordable(pacer, usdMicros, seen.paidUsdMicros, BAND);
      const choose = (
        prospect: Prospect,
      ): { readonly options: readonly Option[]; readonly ask: Option | undefined } => {
        const options = left
          .map((offer) => {
            const gain = prospect.gains[learner.adapters.indexOf(offer.adapter)] ?? Number.NaN;
            return { ...offer, gain, net: gain - offer.usdMicros * perMicro };
          })
          .filter(({ gain }) => !Number.isNaN(gain))
          .sort((a, b) => b.net - a.net || (a.adapter < b.adapter ? -1 : 1));
        const [best] = asked.size === 0 ? options : options.filter(fits);
        const worth = best !== undefined && (best.net > 0 || seen.groups.length === 0);
        return { options, ask: worth ? best : undefined };
      };
      const draws = learner.lookaheads(prices, scale);
      const own: Lookahead = draws[Math.floor(question.u * draws.length)] ?? learner.best;
      const told = learner.best.prospect(standing);
      const chosen = choose(own.prospect(standing));
      const shown = { leading: told.leading, confidence: told.confidence, right: told.right, options: chosen.options };
      if (question.explores) {
        const [next] = [...left].sort((a, b) => a.usdMicros - b.usdMicros || (a.adapter < b.adapter ? -1 : 1));
        return { ...shown, ...(next === undefined ? {} : { ask: next.adapter }), by: "explore", propensity: () => 1 };
      }
      const agree = (draw: Lookahead): boolean => choose(draw.prospect(standing)).ask?.adapter === chosen.ask?.adapter;
      return {
        ...shown,
        ...(chosen.ask === undefined ? {} : { ask: chosen.ask.adapter }),
        by: asked.size === 0 ? "first" : "value",
        propensity: () => (draws.length === 0 ? 1 : draws.filter(agree).length / draws.length),
      };
    },
    spent(usdMicros) {
      if (pacer !== undefined) paid(pacer, usdMicros);
    },
    learn({ task, bucket }, outcome) {
      const state = taskOf(task);
      for (const adapter of [...outcome.groups.flat(), ...outcome.silent]) state.learner.know(adapter);
      const pattern: Pattern = { bucket, ...outcome };
      const key = patternKey(pattern);
      const cells = state.own.get(state.epoch) ?? new Map<string, number>();
      state.own.set(state.epoch, cells);
      cells.set(key, (cells.get(key) ?? 0) + 1);
      countVerdicts(state, outcome, 1);
      const changed = state.learner.judged(pattern, state.epoch);
      if (++state.judged % EPOCH === 0 || changed.length > 0) state.epoch++;
      for (const { adapter, since } of changed)
        others = mergeStates(others, { ...emptyState, since: { [task]: { [adapter]: since } } });
      return changed.map(({ adapter }) => adapter);
    },
    accuracy(task, bucket = "") {
      const state = tasks.get(task);
      state?.learner.refresh();
      return state?.learner.accuracy(bucket) ?? {};
    },
    reliability: (task, adapter) =>
      reliability(Object.fromEntries([...tasks].map(([name, state]) => [name, state.verdicts])), task, adapter),
    refresh() {
      for (const { learner } of tasks.values()) learner.refresh();
    },
    export() {
      const own = Object.fromEntries(
        [...tasks].map(([task, state]) => [
          task,
          { epochs: Object.fromEntries([...state.own].map(([epoch, cells]) => [epoch, Object.fromEntries(cells)])) },
        ]),
      );
      return mergeStates(others, { ...emptyState, replicas: { [config.replica]: own } });
    },
    merge(given) {
      const state = parseState(given);
      const before = others;
      others = mergeStates(others, state);
      for (const [replica, byTask] of Object.entries(others.replicas))
        for (const [task, { epochs }] of Object.entries(byTask)) {
          const local = taskOf(task);
          local.learner.stale();
          const had = before.replicas[replica]?.[task]?.epochs;
          for (const [epoch, cells] of Object.entries(epochs)) {
            local.epoch = Math.max(local.epoch, Number(epoch));
            for (const [key, n] of Object.entries(cells)) {
              const own =
                replica === config.replica ? (local.own.get(Number(epoch))?.get(key) ?? 0) : (had?.[epoch]?.[key] ?? 0);
              const pattern = patternOf(key);
              if (pattern === undefined || n <= own) continue;
              for (const adapter of [...pattern.groups.flat(), ...pattern.silent]) local.learner.know(adapter);
              countVerdicts(local, pattern, n - own);
              local.begun += n - own;
              if (replica !== config.replica) continue;
              // A router that starts again with its own past goes on counting where it was.
              const mine = local.own.get(Number(epoch)) ?? new Map<string, number>();
              local.own.set(Number(epoch), mine);
              mine.set(key, n);
            }
          }
        }
    },
    pacer,
    get learned() {
      return Object.fromEntries([...tasks].map(([task, { judged }]) => [task, judged]));
    },
  };
}

/** With priors for a task nothing has to be found out first. */
function hasPriors({ priors }: LearnerConfig, task: string): boolean {
  return Object.values(priors?.[task] ?? {}).some(({ weight }) => weight >= 20);
}

/** Numbers of the standard normal distribution, from a seed (mulberry32, Box and Muller). */
function normals(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
