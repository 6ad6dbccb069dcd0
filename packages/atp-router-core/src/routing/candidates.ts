import { MIN_USEFUL_TOKENS } from "../money/index.js";
import type { Candidate, Estimate, Exclusion, Route } from "../model/index.js";

/** A candidate with a quote that can be used. */
export interface Usable {
  readonly candidate: Candidate;
  readonly estimate: Estimate;
}

/** Numbers of a quote that are integers of the wire, or shares. */
function sound(e: Estimate): boolean {
  const whole = [e.inTokens, e.outTokens, e.usdMicros, e.p95Tokens ?? 0, e.p95UsdMicros ?? 0];
  const real = [e.varianceTokens, e.varianceUsd];
  return (
    whole.every((n) => Number.isSafeInteger(n) && n >= 0) &&
    real.every((n) => Number.isFinite(n) && n >= 0) &&
    e.confidence >= 0 &&
    e.confidence <= 1
  );
}

const well = (c: Candidate): boolean => c.shutMs === undefined && (c.status === "READY" || c.status === "BUSY");

/** Whether others go first. */
export function isLate({ status, late }: Candidate): boolean {
  return status === "BUSY" || late === true;
}

/** Why a candidate cannot be asked; undefined when it can. */
function unfit(
  candidate: Candidate,
  route: Route | undefined,
  tags: readonly string[],
  anyWell: boolean,
): readonly [reason: string, message: string] | undefined {
  const { info, status, estimate, failure } = candidate;
  const missing = tags.filter((tag) => !info.tags.includes(tag));
  if (route?.adapters !== undefined && !route.adapters.includes(info.name))
    return ["route", "the route does not name it"];
  if (missing.length > 0) return ["tags", `it lacks the tag ${missing.join(", ")}`];
  if (candidate.shutMs !== undefined) return ["status", "its last calls failed, and it is left alone for a while"];
  // With every adapter out, one that was DOWN and quotes all the same has just come back; what one says of itself holds until it says otherwise.
  if (!well(candidate) && (anyWell || status !== "DOWN")) return ["status", `it is ${status}`];
  if (failure !== undefined) return ["estimate", failure.message];
  if (estimate === undefined) return ["status", `it is ${status}`];
  if (!sound(estimate)) return ["estimate", "its estimate has numbers that are not usable"];
  const context = contextOf(candidate.info);
  if (context !== undefined && estimate.inTokens + MIN_USEFUL_TOKENS > context) {
    return ["context", `the task has ${estimate.inTokens} input tokens and its context holds ${context}`];
  }
  return undefined;
}

/** The longest input and output together; undefined when the adapter does not tell. */
export function contextOf(info: Candidate["info"]): number | undefined {
  return info.contextTokens === undefined || info.contextTokens <= 0 ? undefined : info.contextTokens;
}

/**
 * The hard filter: which candidates can be asked at all, in the order a plan asks them, and why the others cannot. The order is
 * the route's when it names adapters; else who has room, expected cost, confidence, name.
 */
export function usableCandidates(
  candidates: readonly Candidate[],
  route: Route | undefined,
  requireTags: readonly string[],
): { readonly usable: readonly Usable[]; readonly excluded: readonly Exclusion[] } {
  const usable: Usable[] = [];
  const excluded: Exclusion[] = [];
  const tags = [...new Set([...requireTags, ...(route?.tags ?? [])])];
  const anyWell = candidates.some(well);
  for (const candidate of candidates) {
    const why = unfit(candidate, route, tags, anyWell);
    if (why !== undefined) excluded.push({ adapter: candidate.info.name, reason: why[0], message: why[1] });
    else if (candidate.estimate !== undefined) usable.push({ candidate, estimate: candidate.estimate });
  }
  const place = (u: Usable): number => route?.adapters?.indexOf(u.candidate.info.name) ?? 0;
  const busy = (u: Usable): number => (isLate(u.candidate) ? 1 : 0);
  usable.sort(
    (a, b) =>
      place(a) - place(b) ||
      busy(a) - busy(b) ||
      a.estimate.usdMicros - b.estimate.usdMicros ||
      b.estimate.confidence - a.estimate.confidence ||
      (a.candidate.info.name < b.candidate.info.name ? -1 : 1),
  );
  return { usable, excluded };
}
