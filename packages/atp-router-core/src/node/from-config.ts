import type { Route } from "../model/index.js";
import type { Observer } from "../ports/index.js";
import { createRouter } from "../runtime/index.js";
import type { LaneOptions, Lease, Router, RouterConfig, TenantConfig } from "../runtime/index.js";
import { adapterAddress } from "./config-rules.js";
import type { ConfigFile } from "./config-schema.js";
import type { ProcessConfig } from "./config.js";
import { tailsFrom } from "./config-tails.js";
import { ceilings, tenantBudget } from "./config-window.js";
import { grpcAdapter } from "./grpc-adapter.js";
import { learningFromConfig } from "./learning-from-config.js";
import type { GrpcAdapterOptions } from "./grpc-adapter.js";
import { identityFromConfig } from "./identity-from-config.js";
import { integrityFromConfig } from "./integrity-from-config.js";
import { loadedPolicy, policyOf } from "./policy-from-config.js";
import { sharedStores } from "./shared-stores.js";
import type { RedisState } from "./shared-stores.js";
import { serviceCredentials } from "./service-credentials.js";
import { httpMemory } from "./http-memory.js";

/** Hears of what an adapter does wrong but can be worked with. */
export type AdapterWarning = (adapter: string, message: string) => void;

/**
 * A router as a process configuration describes it.
 * @param ports what had to be waited for, from {@link portsFromConfig}
 * @throws Error when a policy rule does not compile
 */
export function routerFromConfig(
  config: ProcessConfig,
  observer?: Observer,
  warn?: AdapterWarning,
  ports: Partial<RouterConfig> = {},
): Router {
  return createRouter({ ...routerConfig(config, observer, warn), ...ports });
}

/**
 * The ports of a configuration that are loaded on use: identity by an issuer, policy as WebAssembly, stores on Redis.
 * @param told hears when Redis is lost and when it is back
 * @throws Error when one cannot be loaded
 */
export async function portsFromConfig(config: ProcessConfig, told?: RedisState): Promise<Partial<RouterConfig>> {
  const identity = await identityFromConfig(config);
  const policy = await loadedPolicy(config);
  const shared = await sharedStores(config, told);
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(policy === undefined ? {} : { policy }),
    ...shared,
  };
}

/** The same as a value without {@link portsFromConfig}, to change before `createRouter`. */
export function routerConfig(config: ProcessConfig, observer?: Observer, warn?: AdapterWarning): RouterConfig {
  const { file } = config;
  const warning = (url: string): Pick<GrpcAdapterOptions, "warn"> =>
    warn === undefined ? {} : { warn: (message) => warn(url, message) };
  const listed = new Set(file.adapters?.map(({ url }) => adapterAddress(url)));
  const adapters = [
    ...(file.adapters ?? []).map(
      ({ url, name, tags, region, price, max_parallel: maxParallel, context_tokens: contextTokens, ...service }) =>
        grpcAdapter({
          url: adapterAddress(url),
          ...warning(url),
          ...serviceCredentials(service),
          ...(name === undefined ? {} : { name }),
          ...(tags === undefined && region === undefined
            ? {}
            : { tags: [...(tags ?? []), ...(region === undefined ? [] : [`region:${region}`])] }),
          ...(price === undefined ? {} : { price: { inPerMtok: price.in, outPerMtok: price.out } }),
          ...(maxParallel === undefined ? {} : { maxParallel }),
          ...(contextTokens === undefined ? {} : { contextTokens }),
        }),
    ),
    // An endpoint that the file describes too is one adapter.
    ...config.adapterEndpoints.filter((url) => !listed.has(url)).map((url) => grpcAdapter({ url, ...warning(url) })),
  ];
  const memory = config.memoryUrl;
  const learning = learningFromConfig(file.learning);
  const integrity = integrityFromConfig(file);
  const limits = file.limits === undefined ? undefined : limitsOf(file.limits);
  return {
    adapters,
    policy: policyOf(config),
    ...(memory === undefined
      ? {}
      : {
          memory: httpMemory({
            url: memory,
            ...(file.memory?.token === undefined ? {} : { token: file.memory.token }),
          }),
        }),
    ...(file.cache === undefined ? {} : { cache: cacheOf(file.cache) }),
    routes: routesFrom(file),
    tenants: tenantsFrom(file),
    ...(file.lanes === undefined ? {} : { lanes: lanesOf(file.lanes) }),
    ...(file.limits?.lease === undefined ? {} : { lease: leaseOf(file.limits.lease) }),
    ...(limits === undefined ? {} : { limits }),
    ...(observer === undefined ? {} : { observer }),
    ...(file.server?.resume_url === undefined ? {} : { resumeUrl: file.server.resume_url }),
    ...(integrity === undefined ? {} : { integrity }),
    ...(learning === undefined ? {} : { learning }),
    ...(file.tails === undefined ? {} : { tails: tailsFrom(file.tails) }),
  };
}

type FileRoute = NonNullable<ConfigFile["routes"]>[number];

function routeOf(route: FileRoute): Route {
  const { match, strategy, adapters, tags, min_confidence: minConfidence, min_agreement: minAgreement, quorum } = route;
  const budget = route.budget === undefined ? undefined : ceilings(route.budget);
  return {
    match: {
      ...(match.task_type === undefined ? {} : { taskType: match.task_type }),
      ...(match.qos === undefined ? {} : { qos: match.qos }),
    },
    ...(strategy === undefined ? {} : { strategy }),
    ...(adapters === undefined ? {} : { adapters }),
    ...(tags === undefined ? {} : { tags }),
    ...(minConfidence === undefined ? {} : { minConfidence }),
    ...(minAgreement === undefined ? {} : { minAgreement }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(budget === undefined ? {} : { budget }),
  };
}

/** The routes of a file. */
export function routesFrom({ routes = [] }: ConfigFile): readonly Route[] {
  return routes.map(routeOf);
}

/** The tenants of a file. */
export function tenantsFrom({ tenants = {} }: ConfigFile): Record<string, TenantConfig> {
  return Object.fromEntries(
    Object.entries(tenants).map(([name, { budget, lanes }]) => [
      name,
      { ...(budget === undefined ? {} : { budget: tenantBudget(budget) }), ...(lanes === undefined ? {} : { lanes }) },
    ]),
  );
}

function lanesOf({ cost, preempt, learn_limits, ...lanes }: NonNullable<ConfigFile["lanes"]>): LaneOptions {
  const options = Object.entries(lanes).map(([lane, { weight, reserved, wait_share } = {}]) => [
    lane,
    {
      ...(weight === undefined ? {} : { weight }),
      ...(reserved === undefined ? {} : { reserved }),
      ...(wait_share === undefined ? {} : { waitShare: wait_share }),
    },
  ]);
  return {
    ...(Object.fromEntries(options) as LaneOptions),
    ...(cost === undefined ? {} : { cost }),
    ...(preempt === undefined ? {} : { preempt }),
    ...(learn_limits === undefined ? {} : { learnLimits: learn_limits }),
  };
}

function leaseOf(lease: {
  max_parallel?: number | undefined;
  max_tokens?: number | undefined;
  max_usd_micros?: number | undefined;
}): Lease {
  return {
    max_parallel: lease.max_parallel ?? 64,
    max_tokens: lease.max_tokens ?? 10_000_000,
    max_usd_micros: lease.max_usd_micros ?? 10_000_000,
  };
}

const wireLimits = [
  "heartbeat_ms",
  "max_idle_ms",
  "max_frame_bytes",
  "max_message_bytes",
  "max_streams",
  "retention_ms",
  "retention_bytes",
  "frames_per_s",
  "drain_ms",
  "protocol_errors_per_min",
] as const;
const ownLimits = {
  max_concurrent_calls: "maxConcurrentCalls",
  estimate_timeout_ms: "estimateTimeoutMs",
  memory_timeout_ms: "memoryTimeoutMs",
  policy_timeout_ms: "policyTimeoutMs",
  max_stream_ms: "maxStreamMs",
  max_window_wait_ms: "maxWindowWaitMs",
  memory_budget_bytes: "memoryBudgetBytes",
} as const;

function limitsOf(file: NonNullable<ConfigFile["limits"]>): NonNullable<RouterConfig["limits"]> {
  const limits: Record<string, number> = {};
  for (const name of wireLimits) if (file[name] !== undefined) limits[name] = file[name];
  for (const [name, own] of Object.entries(ownLimits)) {
    const value = file[name as keyof typeof ownLimits];
    if (value !== undefined) limits[own] = value;
  }
  return limits;
}

function cacheOf({
  ttl_s,
  max_answers,
  max_bytes,
}: NonNullable<ConfigFile["cache"]>): NonNullable<RouterConfig["cache"]> {
  return {
    ttlMs: ttl_s * 1_000,
    ...(max_answers === undefined ? {} : { maxAnswers: max_answers }),
    ...(max_bytes === undefined ? {} : { maxBytes: max_bytes }),
  };
}
