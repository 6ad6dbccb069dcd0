/**
 * The persona: a role over an upstream. It changes the question, never the answer.
 */
import { type Adapter, type AdapterRequest, type AdapterEstimate, defineAdapter } from "atp-adapter-kit";
import { type Role, systemText } from "./role.js";
import type { Upstream } from "./upstream.js";

/** Makes the adapter. */
export function createPersona(role: Role, upstream: Upstream, name: string): Adapter {
  const overheadUsdMicros = role.overhead_usd_micros;
  return defineAdapter({
    name,
    version: "1",
    tags: ["qa", "persona", role.name],
    ...(upstream.prices === undefined ? {} : { prices: upstream.prices }),
    async estimate(request, call) {
      return withOverhead(await upstream.estimate(withRole(request, role), call), overheadUsdMicros, role.name);
    },
    async *stream(request, call) {
      // Owed as soon as the upstream is asked, so it comes before the first word.
      if (overheadUsdMicros > 0) yield { usage: { usdMicros: overheadUsdMicros } };
      yield* upstream.stream(withRole(request, role), call);
    },
    health: () => upstream.health(),
  });
}

/** The request with the role in it: as instructions, and as members for an upstream that searches. */
export function withRole(request: AdapterRequest, role: Role): AdapterRequest {
  const system = systemText(role, request.system);
  const content = {
    ...request.content,
    system,
    role: role.name,
    query_terms: role.query_terms,
    required_sources: role.required_sources,
    ...(request.maxOutputTokens === undefined ? {} : { max_output_tokens: request.maxOutputTokens }),
  };
  return { ...request, system, content, promptText: `${system}\n\n${request.promptText}` };
}

function withOverhead(estimate: AdapterEstimate, overheadUsdMicros: number, roleName: string): AdapterEstimate {
  const { usdMicros = 0, p95UsdMicros = 0, assumptions = [] } = estimate;
  return {
    ...estimate,
    usdMicros: usdMicros + overheadUsdMicros,
    // 0 is "not told": a sum would turn it into a false promise.
    p95UsdMicros: p95UsdMicros === 0 ? 0 : p95UsdMicros + overheadUsdMicros,
    assumptions: [...assumptions, `the role ${roleName} adds ${String(overheadUsdMicros)} micro-dollars`],
  };
}
