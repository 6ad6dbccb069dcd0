import type { FinalResult, PlanContent } from "atp-client";

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

/** The state of each call of a plan, by its slot; also of those that spoke and are in no plan. */
export function callStates(
  plan: PlanContent | undefined,
  texts: Readonly<Record<string, string>>,
  final: FinalResult | undefined,
  isRunning: boolean,
): ReadonlyMap<string, CallState> {
  const planned = plan?.rungs.flat().map(({ adapter, sample }) => slotName(adapter, sample)) ?? [];
  const states = new Map<string, CallState>();
  for (const slot of new Set([...planned, ...Object.keys(texts)])) {
    states.set(slot, stateOf(slot, (texts[slot] ?? "") !== "", final, isRunning));
  }
  return states;
}

function stateOf(slot: string, hasSpoken: boolean, final: FinalResult | undefined, isRunning: boolean): CallState {
  if (final === undefined) {
    if (isRunning) return hasSpoken ? "speaking" : "waiting";
    return hasSpoken ? "ended" : "unused";
  }
  const is = (name: string): boolean => name === slot;
  if (final.adapter !== undefined && is(final.adapter)) return "chosen";
  if (final.consensus?.support.some(is) === true) return "agrees";
  if (final.consensus?.dissent.some(({ adapters }) => adapters.some(is)) === true) return "differs";
  return hasSpoken ? "ended" : "unused";
}
