import type { Candidate, Dimension, Exclusion, Limits } from "../model/index.js";

/** Why there is no plan. */
export interface NoPlan {
  readonly ok: false;
  readonly code: "ENOROUTE" | "EAGENTDOWN" | "EBUDGET";
  /** The dimension that is too small. */
  readonly bound?: Dimension;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const wireDimension = { parallel: "max_parallel", tokens: "max_tokens", usdMicros: "max_usd_micros" } as const;
const units = { parallel: "calls", tokens: "tokens", usdMicros: "micro-dollars" } as const;

/** The dimension's unit in a sentence. */
export function unitOf(dimension: Dimension): string {
  return units[dimension];
}

/** Whether the reason may pass by itself, so that asking again later makes sense. */
function passing(exclusion: Exclusion, candidates: readonly Candidate[]): boolean {
  if (exclusion.reason === "status") return true;
  if (exclusion.reason !== "estimate") return false;
  return candidates.find((c) => c.info.name === exclusion.adapter)?.failure?.kind !== "rejected";
}

/** Nobody can be asked: `EAGENTDOWN` when somebody may be well later, else `ENOROUTE`. Each adapter is named with its reason. */
export function nobodyFits(candidates: readonly Candidate[], excluded: readonly Exclusion[]): NoPlan {
  const adapters = excluded.map(({ adapter, reason, message }) => ({ adapter, reason, message }));
  if (candidates.length === 0) {
    return {
      ok: false,
      code: "EAGENTDOWN",
      message: "The router has no adapter. Add one to ADAPTER_ENDPOINTS or to its configuration.",
      details: { adapters },
    };
  }
  const told = excluded.map(({ adapter, message }) => `${adapter}: ${message}`).join("; ");
  return excluded.some((exclusion) => passing(exclusion, candidates))
    ? {
        ok: false,
        code: "EAGENTDOWN",
        message: `No adapter can be asked now (${told}). Try again later.`,
        details: { adapters },
      }
    : {
        ok: false,
        code: "ENOROUTE",
        message: `No adapter fits the task (${told}). Change the task, its route or its tags.`,
        details: { adapters },
      };
}

/** Not even the smallest useful call fits (A7.7). */
export function windowTooSmall(dimension: Dimension, asked: number, left: Limits): NoPlan {
  const room = Math.max(0, left[dimension] ?? 0);
  return {
    ok: false,
    code: "EBUDGET",
    bound: dimension,
    message: `The window leaves ${room} ${unitOf(dimension)}, and the smallest call needs ${asked}. Raise ${wireDimension[dimension]} or ask for less.`,
    details: {
      dimension: wireDimension[dimension],
      left: room,
      asked,
      remedy: left[dimension] === 0 ? "never" : "raise",
    },
  };
}
