import type { Advice, Learner, LearnerConfig, Offer, Option, Outcome } from "./learner-types.js";
import type { Lookahead, Prospect } from "./lookahead.js";
import { normals } from "./normals.js";
import { affordable, newPacer, owed, paid, priceOfMoney } from "./pacer.js";
import { patternKey, patternOf } from "./patterns.js";
import type { Pattern } from "./patterns.js";
import { reliability } from "./reliability.js";
import type { Beta } from "./reliability.js";
import { emptyState, mergeStates, parseState } from "./state.js";
import type { LearningState } from "./state.js";
import { createTaskLearner } from "./task-learner.js";
import type { TaskLearner } from "./task-learner.js";
import { voteWeights } from "./vote-weights.js";
import type { VoteWeights } from "./vote-weights.js";

export type { Advice, Learner, LearnerConfig, Offer, Option, Outcome, Question } from "./learner-types.js";

/** Verdicts that share an epoch: what is told apart when an adapter changed, and when old verdicts fade. */
const EPOCH = 32;
/** How fast the usual price of a call follows its quotes. */
const FOLLOW = 0.05;
/** How far above its target a governor lets spending go for one call, in requests' worth. */
const BAND = 6;

interface TaskState {
  readonly learner: TaskLearner;
  readonly usual: Map<string, number>;
  epoch: number;
  judged: number;
  begun: number;
  /** This router's own counts: by epoch, then by pattern. */
  readonly own: Map<number, Map<string, number>>;
  verdicts: Record<string, Beta>;
  /** Of the last fit, and which fit that was. */
  weights: VoteWeights | undefined;
  weighedAt: number;
}

/** A learner that knows its priors. */
export function createLearner(config: LearnerConfig): Learner {
  const tasks = new Map<string, TaskState>();
  const pacer =
    config.targetUsdMicros === undefined ? undefined : newPacer({ targetUsdMicros: config.targetUsdMicros });
  const exploreFirst = config.exploreFirst ?? 25;
  const normal = normals(config.seed ?? 1);
  let others: LearningState = emptyState;
  /** Which task is fitted next. */
  let turn = 0;

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
      weights: undefined,
      weighedAt: 0,
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

  /** Fits a task when enough came in, and weighs its adapters' votes anew when it was fitted. */
  function refit(task: string): boolean {
    const state = taskOf(task);
    const { learner } = state;
    learner.refresh();
    if (learner.fits === 0 || learner.fits === state.weighedAt) return false;
    state.weighedAt = learner.fits;
    const known = (name: string): number => {
      const { right = 0, wrong = 0 } = state.verdicts[name] ?? {};
      return right + wrong + (config.priors?.[task]?.[name]?.weight ?? 0);
    };
    state.weights = voteWeights(learner.accuracy(""), known, learner.patterns());
    return true;
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
      learner.refresh(config.fitOn === "refresh" ? "must" : "due");
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
        return {
          ...shown,
          ...(next === undefined ? {} : { ask: next.adapter }),
          by: "explore",
          ...surely(next?.adapter),
        };
      }
      const agree = (draw: Lookahead): boolean => choose(draw.prospect(standing)).ask?.adapter === chosen.ask?.adapter;
      return {
        ...shown,
        ...(chosen.ask === undefined ? {} : { ask: chosen.ask.adapter }),
        by: asked.size === 0 ? "first" : "value",
        propensity: () => (draws.length === 0 ? 1 : draws.filter(agree).length / draws.length),
        chances: () => {
          if (draws.length === 0) return surely(chosen.ask?.adapter).chances();
          const chances: Record<string, number> = {};
          for (const draw of draws) {
            const name = choose(draw.prospect(standing)).ask?.adapter;
            if (name !== undefined) chances[name] = (chances[name] ?? 0) + 1 / draws.length;
          }
          return chances;
        },
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
    weights: (task) => tasks.get(task)?.weights,
    refresh(which = "all") {
      const all = [...tasks.keys()];
      const due = which === "all" ? all : all.slice(turn, turn + 1);
      turn = all.length === 0 ? 0 : (turn + 1) % all.length;
      return due.filter(refit)[0];
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

/** A decision that chance has no part in. */
export function surely(ask: string | undefined): Pick<Advice, "propensity" | "chances"> {
  return { propensity: () => 1, chances: () => (ask === undefined ? {} : { [ask]: 1 }) };
}

/** With priors for a task nothing has to be found out first. */
function hasPriors({ priors }: LearnerConfig, task: string): boolean {
  return Object.values(priors?.[task] ?? {}).some(({ weight }) => weight >= 20);
}
