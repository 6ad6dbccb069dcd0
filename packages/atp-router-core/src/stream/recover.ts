import type { Failure, Ms } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import type { Leg, Retry, StreamState } from "./state.js";

type Out = StreamEffect[];

/** The tag of adapters that take an answer up where it was left: an assistant message at the end of `messages` is its beginning. */
export const CONTINUES = "continues";

/** Whether the same call might fare better: the adapter failed, not the request. */
function isPassing({ kind }: Failure): boolean {
  return kind === "unavailable" || kind === "exhausted" || kind === "protocol" || kind === "internal";
}

/** The last call that was sent and failed; undefined when none left the router. */
function lastFailed(s: StreamState): Leg | undefined {
  return s.legs.reduce<Leg | undefined>(
    (last, leg) => (leg.startedAt !== undefined && leg.failure !== undefined ? leg : last),
    undefined,
  );
}

/** Whether something of the call's answer was told before it failed. */
export function brokeOff(leg: Leg): boolean {
  return leg.failure !== undefined && (leg.chunks > 0 || leg.begun > 0);
}

/** Whether there is as much time left as the broken call had taken. */
function hasTime(s: StreamState, leg: Leg, at: Ms): boolean {
  return s.opening.deadlineAt - at >= at - (leg.startedAt ?? at);
}

/** Whether the call's adapter takes up what it said. Once: an answer that breaks off again begins anew. */
function mayContinue({ call, failure, text, begun }: Leg): boolean {
  if (begun > 0 || text === "" || failure === undefined || !isPassing(failure)) return false;
  return call.adapter.tags.includes(CONTINUES);
}

/**
 * What might be done when every call so far failed, best first: go on where the answer broke off, ask the plan's next adapter, ask the same
 * one anew. Only calls that ran alone are made anew: of several that failed together none is likely to fare better.
 * An answer that broke off begins anew only where its lane allows it and as much time is left as it had taken.
 * @param refused what may not be done
 */
export function nextTry(s: StreamState, at: Ms, refused?: Retry["how"]): Retry | undefined {
  const leg = lastFailed(s);
  const hasRung = s.rung + 1 < (s.plan?.rungs.length ?? 0);
  if (leg === undefined) return hasRung ? { how: "rung", leg: -1 } : undefined;
  if (refused !== "continue" && mayContinue(leg)) return { how: "continue", leg: leg.index };
  if (brokeOff(leg) && !(s.opening.restarts.includes(s.qos) && hasTime(s, leg, at))) return undefined;
  if (hasRung) return { how: "rung", leg: leg.index };
  const failure = leg.failure;
  const wasAlone = s.plan?.rungs[s.rung]?.length === 1;
  return refused !== "again" && failure !== undefined && wasAlone && isPassing(failure)
    ? { how: "again", leg: leg.index }
    : undefined;
}

/** Asks whether the call may be made. A rung that stands in for calls that never left, or were refused for good, is no retry. */
export function askRetry(s: StreamState, retry: Retry, out: Out): "asked" | "free" {
  const failed = s.legs[retry.leg];
  if (failed?.failure === undefined || (retry.how === "rung" && !isPassing(failed.failure))) return "free";
  const call = retry.how === "rung" ? s.plan?.rungs[s.rung + 1]?.[0] : failed.call;
  if (call === undefined) return "free";
  const { retryAfterMs } = failed.failure;
  s.retry = retry;
  out.push({
    key: s.key,
    t: "retry.ask",
    adapter: call.adapter.id,
    again: retry.how !== "rung",
    nth: s.retries,
    ...(retryAfterMs === undefined || retry.how === "rung" ? {} : { retryAfterMs }),
  });
  return "asked";
}
