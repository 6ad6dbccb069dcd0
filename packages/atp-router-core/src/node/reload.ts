import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { IdentityPort, PolicyPort } from "../ports/index.js";
import type { Router } from "../runtime/index.js";
import { readConfig } from "./config.js";
import type { ProcessConfig } from "./config.js";
import { routesFrom, tenantsFrom } from "./from-config.js";
import { identityFromConfig } from "./identity-from-config.js";
import { loadedPolicy, policyOf } from "./policy-from-config.js";

/** Keys of the configuration file that a running router takes over. All others need a restart. */
export const reloadable = [
  "routes",
  "tenants",
  "policy",
  "allow_tools",
  "data_scopes",
  "data_scopes_strict",
  "auth.keys",
] as const;

/** Ports whose work another one can take over while the router runs. */
export interface LivePorts {
  readonly policy: PolicyPort;
  /** Absent when everyone may come in, which no reload changes. */
  readonly identity: IdentityPort | undefined;
  use(next: { readonly policy: PolicyPort; readonly identity: IdentityPort | undefined }): void;
}

/** Ports that ask whichever is in force. */
export function livePorts(policy: PolicyPort, identity: IdentityPort | undefined): LivePorts {
  let now = { policy, identity };
  return {
    policy: {
      get engine() {
        return now.policy.engine;
      },
      decide: (input, options) => now.policy.decide(input, options),
      ready: async () => (await now.policy.ready?.()) ?? true,
    },
    identity:
      identity === undefined
        ? undefined
        : { authenticate: (credentials) => (now.identity ?? identity).authenticate(credentials) },
    use(next) {
      now = { policy: next.policy, identity: next.identity ?? now.identity };
    },
  };
}

/** What a reload did. */
export type Reloaded =
  | { readonly ok: true; readonly applied: readonly string[]; readonly restart: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/**
 * Reads the configuration again on request. It is checked as at a start, and everything of it is made, before anything changes: a bad
 * file leaves the old one in force.
 */
export function reloader(
  env: NodeJS.ProcessEnv,
  first: ProcessConfig,
  router: Pick<Router, "reconfigure">,
  ports: LivePorts,
): () => Promise<Reloaded> {
  let now = first;
  return async () => {
    const read = readConfig(env);
    if (!read.ok) return { ok: false, reason: read.message };
    const next = read.config;
    const { applied, restart } = changes(now, next);
    if (applied.length === 0) return { ok: true, applied, restart };
    try {
      // Who may come in at all is not switched on or off while sessions run.
      const merged = { ...now, file: merge(now, next) };
      const policy = (await loadedPolicy(merged)) ?? policyOf(merged);
      const identity = applied.includes("auth.keys") ? await identityFromConfig(merged) : undefined;
      const routes = routesFrom(merged.file);
      const tenants = tenantsFrom(merged.file);
      ports.use({ policy, identity });
      router.reconfigure({ routes, tenants });
      now = merged;
      return { ok: true, applied, restart };
    } catch (error) {
      return { ok: false, reason: (error as Error).message };
    }
  };
}

/** Reloads on SIGHUP, one after the other, and says what came of it. */
export function reloadOnHangup(reload: () => Promise<Reloaded>, log: Logger): void {
  let last = Promise.resolve();
  process.on("SIGHUP", () => {
    last = last.then(async () => {
      const result = await reload();
      if (!result.ok) log.error({ reason: result.reason }, "configuration not reloaded: the old one stays in force");
      else {
        log.info({ applied: result.applied }, "configuration reloaded");
        if (result.restart.length > 0)
          log.warn({ keys: result.restart }, "these keys changed and need a restart: their old values stay in force");
      }
    });
  });
}

function changes(now: ProcessConfig, next: ProcessConfig): { applied: string[]; restart: string[] } {
  const [from, to] = [flat(now), flat(next)];
  const changed = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (key) => !isDeepStrictEqual(from[key], to[key]),
  );
  const live = (key: string): boolean =>
    (reloadable as readonly string[]).includes(key) && (key !== "auth.keys" || isAsked(now) === isAsked(next));
  return { applied: changed.filter(live), restart: changed.filter((key) => !live(key)) };
}

function isAsked({ issuer, file }: ProcessConfig): boolean {
  return issuer !== undefined || (file.auth?.keys?.length ?? 0) > 0;
}

/** The file's keys, those of `auth` by themselves. */
function flat({ file }: ProcessConfig): Record<string, unknown> {
  const { auth = {}, ...rest } = file;
  const inner = Object.entries(auth).map(([key, value]) => [`auth.${key}`, value] as const);
  return { ...rest, ...Object.fromEntries(inner) };
}

/** The file in force with what the new one may change. */
function merge({ file: now, issuer }: ProcessConfig, nextConfig: ProcessConfig): ProcessConfig["file"] {
  const { file: next } = nextConfig;
  const { routes, tenants, policy, allow_tools, data_scopes, data_scopes_strict } = next;
  const asks = isAsked({ ...nextConfig, file: now, issuer }) === isAsked(nextConfig);
  const keys = asks ? next.auth?.keys : now.auth?.keys;
  return {
    ...now,
    routes,
    tenants,
    policy,
    allow_tools,
    data_scopes,
    data_scopes_strict,
    ...(now.auth === undefined && keys === undefined ? {} : { auth: { ...now.auth, keys } }),
  };
}
