import type { ConfigFile } from "./config-schema.js";
import { isLoopback } from "./origin.js";

/** Calls that run at once when `limits.max_concurrent_calls` says nothing. */
const DEFAULT_SLOTS = 256;

/** An adapter's address as it is compared: `http://host:port`. */
export function adapterAddress(url: string): string {
  return new URL(url).origin;
}

/**
 * What one key says against another, or undefined: keys that are each well formed and still cannot be meant together.
 * @param opaUrl where an OPA server is, when there is one
 */
export function contradiction(file: ConfigFile, opaUrl: string | undefined): string | undefined {
  return ofAdapters(file) ?? ofPolicy(file, opaUrl) ?? ofLanes(file) ?? ofTenants(file);
}

function ofAdapters(file: ConfigFile): string | undefined {
  const addresses = new Set<string>();
  const names = new Set<string>();
  for (const [index, adapter] of (file.adapters ?? []).entries()) {
    const { url, name } = adapter;
    const address = adapterAddress(url);
    const wrong = ofService(adapter);
    if (wrong !== undefined) return `adapters.${index}.${wrong}`;
    if (addresses.has(address)) return `adapters.${index}.url names ${address} a second time.`;
    addresses.add(address);
    if (name === undefined) continue;
    if (names.has(name)) return `adapters.${index}.name ${name} is the name of another adapter.`;
    names.add(name);
  }
  return undefined;
}

/** What an adapter gets of the router's own credentials. */
function ofService(adapter: NonNullable<ConfigFile["adapters"]>[number]): string | undefined {
  const { url, tls, token_file, client_credentials } = adapter;
  const secure = url.startsWith("https:");
  if (tls !== undefined && !secure) return "tls is set, but its url is http:.";
  if (tls !== undefined && (tls.cert_file === undefined) !== (tls.key_file === undefined))
    return "tls has one of cert_file and key_file: mutual TLS needs both.";
  if (token_file !== undefined && client_credentials !== undefined)
    return "token_file is set beside client_credentials. Remove one of them.";
  if ((token_file ?? client_credentials) !== undefined && !secure && !isLoopback(new URL(url).hostname))
    return "url is http: beyond loopback, and would get the router's token in the clear. Use https:.";
  return undefined;
}

function ofPolicy({ policy = {}, tenants, allow_tools }: ConfigFile, opaUrl: string | undefined): string | undefined {
  const { engine, rules, path, timeout_ms, token, cache_ms, file, entrypoint } = policy;
  const set = (keys: object): string | undefined => Object.entries(keys).find(([, value]) => value !== undefined)?.[0];
  if (opaUrl === undefined) {
    if (engine === "opa") return "policy.engine is opa, but neither OPA_URL nor policy.url says where it is.";
    const useless = set({ path, timeout_ms, token, cache_ms });
    if (useless !== undefined) return `policy.${useless} is for the engine opa, but the engine is ${engine ?? "cel"}.`;
  }
  if (engine === "wasm") {
    if (opaUrl !== undefined) return "policy.engine is wasm, but an OPA URL is set. Remove one of them.";
    if (file === undefined) return "policy.engine is wasm, but policy.file does not say what `opa build -t wasm` made.";
    if (rules !== undefined || allow_tools !== undefined)
      return `${rules === undefined ? "allow_tools" : "policy.rules"} is for the engine cel, but the engine is wasm.`;
    return undefined;
  }
  const module = set({ file, entrypoint });
  if (module !== undefined) return `policy.${module} is for the engine wasm. Set policy.engine: wasm.`;
  if (opaUrl === undefined) return undefined;
  if (engine === "cel") return "policy.engine is cel, but an OPA URL is set. Set policy.engine: opa or unset it.";
  const tenant = Object.entries(tenants ?? {}).find(([, own]) => own.allow_tools !== undefined);
  const useless =
    rules !== undefined
      ? "policy.rules"
      : allow_tools !== undefined
        ? "allow_tools"
        : tenant && `tenants.${tenant[0]}.allow_tools`;
  return useless && `${useless} is for the engine cel, but an OPA server decides. Move it into its policy.`;
}

function ofTenants({ tenants = {} }: ConfigFile): string | undefined {
  for (const [name, { budget }] of Object.entries(tenants)) {
    if (budget?.sliding_s !== undefined && budget.period !== "sliding")
      return `tenants.${name}.budget.sliding_s is for the period sliding, but the period is ${budget.period ?? "none"}.`;
  }
  return undefined;
}

function ofLanes({ lanes = {}, limits }: ConfigFile): string | undefined {
  const slots = limits?.max_concurrent_calls ?? DEFAULT_SLOTS;
  const reserved = (["gold", "silver", "bronze"] as const).reduce((sum, lane) => sum + (lanes[lane]?.reserved ?? 0), 0);
  return reserved > slots ? `lanes reserve ${reserved} slots, but limits.max_concurrent_calls is ${slots}.` : undefined;
}
