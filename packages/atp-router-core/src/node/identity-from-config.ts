import type { IdentityPort } from "../ports/index.js";
import type { ProcessConfig } from "./config.js";
import type { ConfigFile } from "./config-schema.js";
import { ceilings } from "./config-window.js";
import { keyIdentity, keysOr } from "./key-identity.js";
import type { StaticKey } from "./key-identity.js";

/**
 * Who may come in by a process configuration; undefined when it lets everyone in.
 * @throws Error when tokens of an issuer are wanted and `jose` is not installed
 */
export async function identityFromConfig({ issuer, file }: ProcessConfig): Promise<IdentityPort | undefined> {
  const { auth = {} } = file;
  const keys = auth.keys === undefined ? undefined : keyIdentity({ keys: auth.keys.map(keyOf) });
  if (issuer === undefined) return keys;
  // Loaded on use: a router without an issuer needs no library for tokens.
  const { oidcIdentity } = await import("../oidc/index.js").catch((cause: unknown) => {
    throw new Error("tokens of an issuer need the package jose: install it beside atp-router-core", { cause });
  });
  const tokens = oidcIdentity({
    issuer: issuer.url,
    audience: issuer.audience,
    ...(auth.jwks_url === undefined ? {} : { jwksUrl: auth.jwks_url }),
    ...(auth.algorithms === undefined ? {} : { algorithms: auth.algorithms }),
    ...(auth.types === undefined ? {} : { types: auth.types }),
    ...(auth.clock_tolerance_s === undefined ? {} : { clockToleranceS: auth.clock_tolerance_s }),
    ...(auth.default_tenant === undefined ? {} : { defaultTenant: auth.default_tenant }),
    ...(auth.claims === undefined ? {} : { claims: claimNames(auth.claims) }),
  });
  return keys === undefined ? tokens : keysOr(keys, tokens);
}

type Auth = NonNullable<ConfigFile["auth"]>;

function claimNames(claims: NonNullable<Auth["claims"]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(claims).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function keyOf(key: NonNullable<Auth["keys"]>[number]): StaticKey {
  const { expires_at: expiresAt, limits, subject, roles, scopes, lanes, ...own } = key;
  return {
    ...own,
    ...(subject === undefined ? {} : { subject }),
    ...(roles === undefined ? {} : { roles }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(lanes === undefined ? {} : { lanes }),
    ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
    ...(limits === undefined ? {} : { limits: ceilings(limits) }),
  };
}
