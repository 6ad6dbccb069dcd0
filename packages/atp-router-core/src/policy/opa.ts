import type { PolicyInput } from "../model/index.js";
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
}

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

  return {
    engine: "opa",
    async decide(input: PolicyInput) {
      const response = await fetch(address, {
        method: "POST",
        headers,
        body: JSON.stringify({ input }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`OPA answered ${response.status}`);
      }
      const body = (await response.json()) as { result?: unknown };
      if (body.result === undefined)
        return { allow: false, reasons: ["the policy has no rule for this request"], engine: "opa" };
      return toDecision(body.result, "opa", "denied by policy");
    },
    async ready() {
      const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
      return response.ok;
    },
  };
}
