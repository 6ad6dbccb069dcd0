/**
 * Configuration of a persona from its environment.
 */
import { fileURLToPath } from "node:url";
import { ConfigError, type Environment, integerSetting, type Prices, setting } from "atp-adapter-kit";
import type { ChatEndpoint } from "atp-adapter-kit/openai";

/** What a persona runs with. */
export interface PersonaConfig {
  readonly name: string;
  readonly roleFile: string;
  readonly upstream:
    | { readonly kind: "adapter"; readonly url: string }
    | { readonly kind: "chat"; readonly endpoint: ChatEndpoint; readonly prices: Prices };
}

/** Seen from `src/` as from `dist/`. */
const defaultRoleFile = fileURLToPath(new URL("../roles/auditor.yaml", import.meta.url));

/**
 * Reads `UPSTREAM` (needed: another adapter's `http://host:port`, or an OpenAI-compatible URL, whose path has `/v1`),
 * `ROLE_FILE` (roles/auditor.yaml), `NAME` (persona_adapter), and for such a URL `UPSTREAM_MODEL` (gpt-4o-mini),
 * `UPSTREAM_API_KEY`, `PRICE_IN` and `PRICE_OUT` (micro-dollars per million tokens; 0).
 *
 * @throws ConfigError
 */
export function readPersonaConfig(env: Environment): PersonaConfig {
  const upstream = setting(env, "UPSTREAM");
  if (upstream === undefined) {
    throw new ConfigError(
      "set UPSTREAM to another adapter (http://127.0.0.1:7070) or an OpenAI-compatible URL (http://127.0.0.1:8000/v1)",
    );
  }
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`UPSTREAM must be an http or https URL, got ${JSON.stringify(upstream)}`);
  }
  if (url.username !== "" || url.password !== "") throw new ConfigError("UPSTREAM must not hold credentials");
  return {
    name: setting(env, "NAME") ?? "persona_adapter",
    roleFile: setting(env, "ROLE_FILE") ?? defaultRoleFile,
    upstream: /\/v1(\/|$)/.test(url.pathname)
      ? { kind: "chat", endpoint: endpointOf(env, upstream), prices: pricesOf(env) }
      : { kind: "adapter", url: url.origin },
  };
}

function endpointOf(env: Environment, baseUrl: string): ChatEndpoint {
  const apiKey = setting(env, "UPSTREAM_API_KEY");
  return {
    baseUrl,
    model: setting(env, "UPSTREAM_MODEL") ?? "gpt-4o-mini",
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

function pricesOf(env: Environment): Prices {
  const range = { min: 0, max: 1_000_000_000_000 };
  return {
    inUsdMicrosPerMtok: integerSetting(env, "PRICE_IN", range) ?? 0,
    outUsdMicrosPerMtok: integerSetting(env, "PRICE_OUT", range) ?? 0,
  };
}
