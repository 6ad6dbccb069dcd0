import { celPolicy, opaPolicy, withDataScopes } from "../policy/index.js";
import type { DataScope } from "../policy/index.js";
import type { PolicyPort } from "../ports/index.js";
import type { ProcessConfig } from "./config.js";
import type { ConfigFile } from "./config-schema.js";

/** The policy of a configuration, when it needs nothing that is loaded on use. @throws Error when a rule does not compile */
export function policyOf(config: ProcessConfig): PolicyPort {
  return scoped(config.opaUrl === undefined ? embedded(config.file) : remote(config.file, config.opaUrl), config.file);
}

/** The policy of the engine `wasm`; undefined with another. @throws Error when its file is no policy */
export async function loadedPolicy({ file }: ProcessConfig): Promise<PolicyPort | undefined> {
  const { policy } = file;
  if (policy?.engine !== "wasm" || policy.file === undefined) return undefined;
  const { wasmPolicy } = await import("../policy/index.js");
  const { file: path, entrypoint } = policy;
  return scoped(await wasmPolicy({ file: path, ...(entrypoint === undefined ? {} : { entrypoint }) }), file);
}

function remote({ policy }: ConfigFile, url: string): PolicyPort {
  return opaPolicy({
    url,
    ...(policy?.path === undefined ? {} : { path: policy.path }),
    ...(policy?.timeout_ms === undefined ? {} : { timeoutMs: policy.timeout_ms }),
    ...(policy?.token === undefined ? {} : { token: policy.token }),
    ...(policy?.cache_ms === undefined ? {} : { cacheMs: policy.cache_ms }),
  });
}

function embedded(file: ConfigFile): PolicyPort {
  const rules =
    file.policy?.rules?.map(({ expr, reason }) => (reason === undefined ? { expr } : { expr, reason })) ?? [];
  const common = celPolicy({ rules, ...(file.allow_tools === undefined ? {} : { allowTools: file.allow_tools }) });
  const own = new Map<string, PolicyPort>();
  for (const [tenant, { allow_tools: allowTools }] of Object.entries(file.tenants ?? {})) {
    if (allowTools !== undefined) own.set(tenant, celPolicy({ rules, allowTools }));
  }
  return {
    engine: common.engine,
    decide: (input, options) => (own.get(input.principal.tenant) ?? common).decide(input, options),
  };
}

function scoped(policy: PolicyPort, file: ConfigFile): PolicyPort {
  const { data_scopes: scopes = {}, data_scopes_strict: strict = false } = file;
  if (Object.keys(scopes).length === 0 && !strict) return policy;
  return withDataScopes(
    policy,
    Object.fromEntries(Object.entries(scopes).map(([label, scope]) => [label, scopeOf(scope)])),
    strict,
  );
}

function scopeOf({
  require_tags: requireTags,
  region,
  redact,
  forbid,
}: NonNullable<ConfigFile["data_scopes"]>[string]): DataScope {
  return {
    ...(requireTags === undefined ? {} : { requireTags }),
    ...(region === undefined ? {} : { region }),
    ...(redact === undefined ? {} : { redact }),
    ...(forbid === undefined ? {} : { forbid }),
  };
}
