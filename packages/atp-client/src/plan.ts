import type { Window } from "atp-protocol";

/** An adapter's quote, as the router passes it on. Tokens, micro-dollars, and a confidence of 0 to 1. */
export interface PlanEstimate {
  readonly in_tokens: number;
  readonly out_tokens: number;
  readonly usd_micros: number;
  readonly p95_tokens?: number;
  readonly p95_usd_micros?: number;
  readonly confidence: number;
}

/** An adapter that was asked for a quote. */
export interface PlanCandidate {
  readonly adapter: string;
  readonly model?: string;
  readonly tags?: readonly string[];
  /** `READY`, `BUSY`, `PAUSE`, `DRAINING` or `DOWN`. */
  readonly status: string;
  readonly estimate?: PlanEstimate;
  /** Why there is no estimate. */
  readonly failure?: { readonly kind: string; readonly message: string };
}

/** A call that the plan may make, with what is held for it. */
export interface PlanCall {
  readonly adapter: string;
  /** Which clone of the adapter, from 0. */
  readonly sample: number;
  readonly hold: { readonly tokens: number; readonly usd_micros: number };
  readonly max_output_tokens: number;
}

/** The content of `control.plan`: what policy decided, who was asked, the route chosen and why. A reader asks only for what it shows. */
export interface PlanContent {
  readonly policy?: { readonly allow: boolean; readonly reasons: readonly string[]; readonly engine?: string };
  readonly qos?: string;
  readonly window?: Window;
  readonly candidates: readonly PlanCandidate[];
  readonly strategy: string;
  /** Rungs in order; the calls of one rung start together. */
  readonly rungs: readonly (readonly PlanCall[])[];
  readonly stop?: {
    readonly min_confidence?: number;
    readonly min_agreement?: number;
    readonly quorum?: number;
    readonly eager?: boolean;
  };
  readonly expected?: { readonly tokens: number; readonly usd_micros: number };
  readonly worst?: { readonly tokens: number; readonly usd_micros: number };
  /** Sentences that give the reason for each choice. */
  readonly why: readonly string[];
  readonly excluded: readonly { readonly adapter: string; readonly reason: string; readonly message: string }[];
}

/** Reads the content of `control.plan`; lists that are missing are empty. Returns null for what is no plan at all. */
export function readPlan(content: unknown): PlanContent | null {
  if (typeof content !== "object" || content === null) return null;
  const plan = content as Partial<PlanContent>;
  return {
    ...plan,
    strategy: typeof plan.strategy === "string" ? plan.strategy : "",
    candidates: list(plan.candidates),
    rungs: list(plan.rungs),
    why: list(plan.why),
    excluded: list(plan.excluded),
  };
}

function list<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}
