import type { Candidate, Estimate, Exclusion, Route } from "../model/index.js";

/** Fewest output tokens that must fit into an adapter's context beside the input. */
const USEFUL_TOKENS = 16;

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

/** The hard filter: which candidates can be asked at all, cheapest first, and why the others cannot. */
export function usableCandidates(
  candidates: readonly Candidate[],
  route: Route | undefined,
  requireTags: readonly string[],
): { readonly usable: readonly Usable[]; readonly excluded: readonly Exclusion[] } {
  const usable: Usable[] = [];
  const excluded: Exclusion[] = [];
  const tags = [...requireTags, ...(route?.tags ?? [])];
  for (const candidate of candidates) {
    const { info, status, estimate, failure } = candidate;
    const leaveOut = (reason: string, message: string): number =>
      excluded.push({ adapter: info.name, reason, message });
    const missing = tags.filter((tag) => !info.tags.includes(tag));
    if (route?.adapters !== undefined && !route.adapters.includes(info.name))
      leaveOut("route", "the route does not name it");
    else if (missing.length > 0) leaveOut("tags", `it lacks the tag ${missing.join(", ")}`);
    else if (failure !== undefined) leaveOut("estimate", failure.message);
    else if (estimate === undefined) leaveOut("status", `it is ${status}`);
    else if (!sound(estimate)) leaveOut("estimate", "its estimate has numbers that are not usable");
    else if (
      info.contextTokens !== undefined &&
      info.contextTokens > 0 &&
      estimate.inTokens + USEFUL_TOKENS > info.contextTokens
    ) {
      leaveOut("context", `the task needs ${estimate.inTokens} tokens of its ${info.contextTokens}`);
    } else usable.push({ candidate, estimate });
  }
  usable.sort(
    (a, b) =>
      a.estimate.usdMicros - b.estimate.usdMicros ||
      b.estimate.confidence - a.estimate.confidence ||
      (a.candidate.info.name < b.candidate.info.name ? -1 : 1),
  );
  return { usable, excluded };
}
