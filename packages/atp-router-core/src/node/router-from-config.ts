import type { Observer, PolicyPort } from "../ports/index.js";
import { celPolicy, opaPolicy } from "../policy/index.js";
import { createRouter } from "../runtime/index.js";
import type { Router } from "../runtime/index.js";
import { ConfigError } from "./config.js";
import type { PolicyConfig, ProcessConfig } from "./config.js";
import { grpcAdapter } from "./grpc-adapter.js";
import { httpMemory } from "./http-memory.js";

/**
 * The router that a configuration describes.
 * @throws ConfigError when a policy rule does not compile
 */
export function routerFromConfig(config: ProcessConfig, observer?: Observer): Router {
  return createRouter({
    ...config.router,
    adapters: config.adapters.map((adapter) => grpcAdapter(adapter)),
    policy: policyFrom(config.policy),
    ...(config.memory === undefined ? {} : { memory: httpMemory(config.memory) }),
    ...(observer === undefined ? {} : { observer }),
  });
}

function policyFrom(policy: PolicyConfig): PolicyPort {
  if (policy.engine === "opa") return opaPolicy(policy);
  const { rules } = policy;
  try {
    const common = celPolicy({ rules });
    const own = new Map(
      Object.entries(policy.allowTools).map(([tenant, allowTools]) => [tenant, celPolicy({ rules, allowTools })]),
    );
    return {
      engine: "cel",
      decide: (input, options) => (own.get(input.principal.tenant) ?? common).decide(input, options),
    };
  } catch (error) {
    throw new ConfigError(`policy.rules: ${(error as Error).message}`, { cause: error });
  }
}
