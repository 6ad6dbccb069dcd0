/**
 * Who may use which memory: a caller's tenant is the first segment of its namespaces.
 */
import { readFileSync } from "node:fs";
import { AtpError } from "atp-protocol";
import type { IdentityPort } from "atp-router-core";
import { keyIdentity, keysOr } from "atp-router-core/node";
import { oidcIdentity } from "atp-router-core/oidc";
import { z } from "zod";
import { ConfigError, type GatewayConfig } from "./config.js";
import { HttpError } from "./http-error.js";
import { isWithin, tenantOf } from "./memory-path.js";

/** Who calls. */
export interface Caller {
  /** `*` is every tenant: a key that the gateway's owner gave to a router, which checks tenants itself. No token can say it. */
  readonly tenant: string;
  readonly subject: string;
}

/** Tells who sent an `Authorization` header. @throws HttpError `EAUTH`, or `EOVERLOAD` when the issuer cannot be asked */
export type MemoryIdentity = (authorization: string | undefined) => Promise<Caller>;

/** The tenant of a key that may use every tenant's memory. */
const everyTenant = "*";

const keysSchema = z.array(
  z.strictObject({
    id: z.string(),
    hash: z.string(),
    tenant: z.string().regex(/^(\*|[A-Za-z0-9._-]{1,128})$/, "must be a segment of a path, or * for a router's key"),
    subject: z.string().optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  }),
);

/** The identity that a configuration asks for; undefined when everybody may come in. @throws ConfigError */
export function identityOf({ issuer, keysFile }: GatewayConfig): MemoryIdentity | undefined {
  const keys = keysFile === undefined ? undefined : keysFrom(keysFile);
  const tokens = issuer === undefined ? undefined : oidcIdentity({ issuer: issuer.url, audience: issuer.audience });
  const port = keys !== undefined && tokens !== undefined ? keysOr(keys, tokens) : (keys ?? tokens);
  return port && memoryIdentity(port);
}

/** An identity port as the gateway asks it. */
export function memoryIdentity(port: IdentityPort): MemoryIdentity {
  return async (authorization) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw new HttpError("EAUTH", "a token is needed: send Authorization: Bearer");
    try {
      const { principal } = await port.authenticate({ token });
      return { tenant: principal.tenant, subject: principal.subject };
    } catch (error) {
      if (!(error instanceof AtpError)) throw error;
      throw new HttpError(error.code === "EOVERLOAD" ? "EOVERLOAD" : "EAUTH", error.message);
    }
  };
}

/** Checks that a caller may use a namespace (C2.1-5). @throws HttpError `ESEC` */
export function mayUse(caller: Caller | undefined, ns: string): void {
  if (caller === undefined || caller.tenant === everyTenant || caller.tenant === tenantOf(ns)) return;
  throw new HttpError("ESEC", `the namespace must begin with your tenant, ${caller.tenant}`);
}

/** Where a search may look: what was asked for, within what the caller may read (C2.3). @throws HttpError `ESEC` */
export function readable(caller: Caller | undefined, ns: string | undefined): string | undefined {
  if (caller === undefined || caller.tenant === everyTenant) return ns;
  const own = caller.tenant;
  if (ns === undefined) return own;
  if (!isWithin(ns, own)) throw new HttpError("ESEC", `a search must be within your tenant, ${own}`);
  return ns;
}

function keysFrom(file: string): IdentityPort {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new ConfigError(`AUTH_KEYS_FILE ${file} cannot be read as JSON: ${(cause as Error).message}`);
  }
  const parsed = keysSchema.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ConfigError(`AUTH_KEYS_FILE ${file}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is wrong"}`);
  }
  try {
    return keyIdentity({
      keys: parsed.data.map(({ id, hash, tenant, subject, expires_at: expiresAt }) => ({
        id,
        hash,
        tenant,
        ...(subject === undefined ? {} : { subject }),
        ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
      })),
    });
  } catch (error) {
    throw new ConfigError(`AUTH_KEYS_FILE ${file}: ${(error as Error).message}`);
  }
}
