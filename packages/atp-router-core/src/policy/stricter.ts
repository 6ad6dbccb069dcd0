import type { PolicyDecision } from "../model/index.js";

const lanes = ["gold", "silver", "bronze"] as const;

/** Two decisions together: both must allow, and the stricter bound counts. The engine is the first one's. */
export function stricter(a: PolicyDecision, b: PolicyDecision): PolicyDecision {
  const least = (x: number | undefined, y: number | undefined): number | undefined =>
    x === undefined ? y : y === undefined ? x : Math.min(x, y);
  const lane = lanes[Math.max(lanes.indexOf(a.lane ?? "gold"), lanes.indexOf(b.lane ?? "gold"))];
  const parallel = least(a.window?.parallel, b.window?.parallel);
  const tokens = least(a.window?.tokens, b.window?.tokens);
  const usdMicros = least(a.window?.usdMicros, b.window?.usdMicros);
  const requireTags = union(a.requireTags, b.requireTags);
  const forbid = union(a.forbid, b.forbid);
  const quorum = Math.max(a.quorum ?? 0, b.quorum ?? 0);
  const redact = a.redact === true || b.redact === true ? true : union(a.redact, b.redact);
  const decisionId = a.decisionId ?? b.decisionId;
  return {
    allow: a.allow && b.allow,
    reasons: [...a.reasons, ...b.reasons],
    ...((a.lane ?? b.lane) === undefined || lane === undefined ? {} : { lane }),
    ...(a.window === undefined && b.window === undefined
      ? {}
      : {
          window: {
            ...(parallel === undefined ? {} : { parallel }),
            ...(tokens === undefined ? {} : { tokens }),
            ...(usdMicros === undefined ? {} : { usdMicros }),
          },
        }),
    ...(requireTags.length === 0 ? {} : { requireTags }),
    ...(quorum === 0 ? {} : { quorum }),
    ...(redact === true || redact.length > 0 ? { redact } : {}),
    ...(forbid.length === 0 ? {} : { forbid }),
    ...(decisionId === undefined ? {} : { decisionId }),
    engine: a.engine,
  };
}

function union<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] {
  return [...new Set([...(a ?? []), ...(b ?? [])])];
}
