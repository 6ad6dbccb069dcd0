import type { Ms, PlannedCall } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import { addLeg } from "./legs.js";
import { abandon } from "./settlement.js";
import type { Leg, StreamState } from "./state.js";

type Out = StreamEffect[];

/** A second call may cost at most so many times what the first is expected to. */
const DEARER = 2;

/** Calls of the stream that have not ended. */
function running(s: StreamState): Leg[] {
  return s.legs.filter(({ phase }) => phase !== "ended");
}

/** Later calls of the plan that could stand in for this one: single rungs, to other adapters, not much dearer. */
function standIns(s: StreamState, leg: Leg): PlannedCall[] {
  const asked = new Set(s.legs.map(({ call }) => call.adapter.id));
  const most = DEARER * Math.max(1, leg.call.estimate.usdMicros);
  return (s.plan?.rungs.slice(s.rung + 1) ?? []).flatMap((rung) => {
    const [call, ...others] = rung;
    if (call === undefined || others.length > 0 || asked.has(call.adapter.id)) return [];
    return call.estimate.usdMicros <= most ? [call] : [];
  });
}

/** A call was sent: sees that a second one is asked for when it says nothing until then. Calls that run side by side need none. */
export function awaitFirst(s: StreamState, leg: Leg, until: Ms, out: Out): void {
  if ((s.window.parallel ?? Infinity) < 2) return;
  const isAlone = s.plan?.rungs[s.rung]?.length === 1 && leg.hedges === undefined && running(s).length === 1;
  if (!isAlone || leg.begun > 0 || until >= s.opening.deadlineAt || standIns(s, leg).length === 0) return;
  s.hedgeTimer = true;
  out.push({ key: s.key, t: "timer.set", timer: "hedge", at: until });
}

/** The call is late: may another be sent beside it? */
export function askHedge(s: StreamState, out: Out): void {
  s.hedgeTimer = false;
  const [leg, ...others] = running(s);
  if (leg === undefined || others.length > 0 || leg.phase !== "running" || leg.chunks > 0) return;
  const adapters = standIns(s, leg).map(({ adapter }) => adapter.id);
  if (adapters.length > 0) out.push({ key: s.key, t: "hedge.ask", leg: leg.index, adapters });
}

/** It may: a call of its own, with a hold of its own. */
export function hedge(s: StreamState, leg: Leg, adapter: string, at: Ms, out: Out): void {
  const call = standIns(s, leg).find((standIn) => standIn.adapter.id === adapter);
  if (call !== undefined && leg.chunks === 0) addLeg(s, call, at, out, { hedges: leg.index });
}

/** A call began to answer: the stream is committed to it, and the other of its pair is cancelled and settled. */
export function settleHedge(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  if (s.hedgeTimer) {
    s.hedgeTimer = false;
    out.push({ key: s.key, t: "timer.clear", timer: "hedge" });
  }
  for (const other of s.legs) {
    if (other.phase === "ended" || (other.hedges !== leg.index && leg.hedges !== other.index)) continue;
    abandon(s, other, `${leg.call.adapter.name} began to answer first`, undefined, at, out);
  }
}

/** Whether this call of the plan was made already, as a second one that did not lose. */
export function wasHedge(s: StreamState, call: PlannedCall): boolean {
  return s.legs.some(
    ({ hedges, outcome, call: made }) =>
      hedges !== undefined &&
      outcome !== "cancelled" &&
      outcome !== "skipped" &&
      made.adapter.id === call.adapter.id &&
      made.sample === call.sample,
  );
}
