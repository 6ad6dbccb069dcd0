import {
  type AnswerPolicy,
  decideTask,
  promptEffect,
  promptFeatures,
  type SeenAnswer,
  type TaskPolicy,
} from "atp-router-core/learning";
import { type GuardedRow, guarded, type Prices, type RecordedRow } from "./rows.js";

/** What became of one question. */
export interface Played {
  readonly right: number;
  readonly usdMicros: number;
  readonly calls: number;
}

/** Asks one question by a policy's decisions, as the router does, and pays for each call. The view hides what is right. */
export function play(policy: TaskPolicy, row: GuardedRow): string | null {
  const prompt = promptFeatures(row.prompt, row.category ?? "");
  const effect = promptEffect(policy.votes, prompt);
  const candidates = policy.adapters.map((name) => ({ name }));
  const seen: SeenAnswer[] = [];
  for (;;) {
    const aim = { budgetUsdMicros: Infinity };
    const decision = decideTask(policy, { prompt, seen, candidates, aim, draw: 0 }, effect);
    if (decision.do === "answer") return decision.winner;
    const { answer, outputTokens } = row.call(decision.adapter);
    seen.push({ adapter: decision.adapter, answerKey: answer, outputTokens });
  }
}

/** Plays one operating point of a policy. */
export function playPoint(policy: TaskPolicy, point: number, row: RecordedRow, prices: Prices): Played {
  const chosen = policy.points[point];
  if (chosen === undefined) throw new RangeError(`the policy has no point ${point}`);
  const view = guarded(row, prices, policy.adapters);
  const winner = play({ ...policy, points: [chosen] }, view);
  return {
    right: winner !== null && view.reward(winner) ? 1 : 0,
    usdMicros: view.spentUsdMicros,
    calls: view.called.length,
  };
}

/** A policy of one task alone. */
export function policyOf(task: string, policy: TaskPolicy): AnswerPolicy {
  return { version: 1, tasks: { [task]: policy } };
}
