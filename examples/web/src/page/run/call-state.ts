import type { ConsensusContent, FinalResult, PlanContent } from "atp-client";

/** Where one call of the plan stands. */
export type CallState = "waiting" | "speaking" | "chosen" | "agrees" | "differs" | "ended" | "unused";

/** What each state is called. */
export const stateWords: Readonly<Record<CallState, string>> = {
  waiting: "waiting",
  speaking: "answering",
  chosen: "chosen",
  agrees: "agrees",
  differs: "differs",
  ended: "ended",
  unused: "not needed",
};

/** A call's name, as texts are kept by it: clones past the first are `name#1`. */
export function slotName(adapter: string, sample: number): string {
  return sample === 0 ? adapter : `${adapter}#${sample}`;
}

/**
 * The state of each call of a plan, by its slot; also of those that spoke and are in no plan.
 * @param soFar the consensus that was told last: who has part in it has ended
 */
export function callStates(
  plan: PlanContent | undefined,
  texts: Readonly<Record<string, string>>,
  soFar: Partial<ConsensusContent> | undefined,
  final: FinalResult | undefined,
  isRunning: boolean,
): ReadonlyMap<string, CallState> {
  const planned = plan?.rungs.flat().map(({ adapter, sample }) => slotName(adapter, sample)) ?? [];
  const states = new Map<string, CallState>();
  for (const slot of new Set([...planned, ...Object.keys(texts)])) {
    states.set(slot, stateOf(slot, (texts[slot] ?? "") !== "", final?.consensus ?? soFar, final, isRunning));
  }
  return states;
}

function stateOf(
  slot: string,
  hasSpoken: boolean,
  consensus: Partial<ConsensusContent> | undefined,
  final: FinalResult | undefined,
  isRunning: boolean,
): CallState {
  const is = (name: string): boolean => name === slot;
  if (final?.adapter !== undefined && is(final.adapter)) return "chosen";
  if (consensus?.support?.some(is) === true) return "agrees";
  if (consensus?.dissent?.some(({ adapters }) => adapters.some(is)) === true) return "differs";
  if (!isRunning) return hasSpoken ? "ended" : "unused";
  return hasSpoken ? "speaking" : "waiting";
}
