import type { PolicyDecision, PolicyInput } from "../model/index.js";
import type { PolicyPort } from "../ports/index.js";
import { toDecision } from "./decision.js";

/** Where an OPA server is, and which rule decides. */
export interface OpaPolicyOptions {
  /** Such as `http://127.0.0.1:8181`. */
  readonly url: string;
  /** The rule's path in OPA's data API. @default "/v1/data/atp/decision" */
  readonly path?: string;
  /** How long it may take. @default 500 */
  readonly timeoutMs?: number;
  /** Bearer token of the router at OPA. */
  readonly token?: string;
  /** A decision counts again for the same input so long. Denials of a server that cannot be asked never do. @default 0 */
  readonly cacheMs?: number;
  /** Hears of each decision that was asked for, for a log of them. */
  readonly onDecision?: (told: OpaDecisionLog) => void;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/** What is told of a decision. */
export interface OpaDecisionLog {
  /** OPA's name of the decision, when its decision log is on: the key to its entry there. */
  readonly decisionId?: string;
  readonly allow: boolean;
  readonly reasons: readonly string[];
  readonly tenant: string;
  readonly ms: number;
  /** It was answered from the cache. */
  readonly cached: boolean;
}

/** Inputs whose decisions are kept. */
const CACHED = 1_000;

/**
 * Policy by an OPA server over its REST data API. A rule that is undefined answers 200 without `result`: that is a denial. A server
 * that cannot be reached, is late, or answers anything else throws, and the router denies: it fails closed.
 */
export function opaPolicy(options: OpaPolicyOptions): PolicyPort {
  const base = options.url.replace(/\/+$/, "");
  const address = `${base}${options.path ?? "/v1/data/atp/decision"}`;
  const timeoutMs = options.timeoutMs ?? 500;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  };

  const { cacheMs = 0, onDecision, now = () => performance.now() } = options;
  const cache = new Map<string, { readonly decision: PolicyDecision; readonly until: number }>();

  async function ask(body: string): Promise<PolicyDecision> {
    const response = await fetch(address, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`OPA answered ${response.status}`);
    }
    const answer = (await response.json()) as { result?: unknown; decision_id?: unknown } | null;
    const decision =
      answer?.result === undefined
        ? { allow: false, reasons: ["the policy has no rule for this request"], engine: "opa" }
        : toDecision(answer.result, "opa", "denied by policy");
    return typeof answer?.decision_id === "string" ? { ...decision, decisionId: answer.decision_id } : decision;
  }

  function keep(body: string, decision: PolicyDecision): void {
    if (cacheMs === 0) return;
    cache.delete(body);
    cache.set(body, { decision, until: now() + cacheMs });
    if (cache.size <= CACHED) return;
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  }

  return {
    engine: "opa",
    async decide(input: PolicyInput) {
      const began = now();
      const body = JSON.stringify({ input });
      const kept = cache.get(body);
      const cached = kept !== undefined && kept.until > began;
      const decision = cached ? kept.decision : await ask(body);
      if (!cached) keep(body, decision);
      onDecision?.({
        ...(decision.decisionId === undefined ? {} : { decisionId: decision.decisionId }),
        allow: decision.allow,
        reasons: decision.reasons,
        tenant: input.principal.tenant,
        ms: now() - began,
        cached,
      });
      return decision;
    },
    async ready() {
      const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
      return response.ok;
    },
  };
}
