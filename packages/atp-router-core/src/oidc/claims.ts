import { AtpError } from "atp-protocol";
import type { JWTPayload } from "jose";
import type { Principal } from "../model/index.js";

/** Which claims of a token say who its bearer is. A dotted name goes into objects, such as `realm_access.roles`. */
export interface ClaimNames {
  /** A string. @default "tenant" */
  readonly tenant?: string;
  /** A string. @default "sub" */
  readonly subject?: string;
  /** An array of strings, or one string of names between blanks. @default "roles" */
  readonly roles?: string;
  /** The same form. With it a principal may do only what its scopes name. @default none: a token may do everything */
  readonly scopes?: string;
}

/** Tenants and subjects become keys of budgets, of memory and of logs. */
const namePattern = /^[A-Za-z0-9._@:|+~-]{1,128}$/;

/** The principal that claims describe. @throws AtpError `EAUTH` that names the claim at fault, never its value */
export function principalOf(claims: JWTPayload, names: ClaimNames, defaultTenant: string | undefined): Principal {
  const tenantClaim = names.tenant ?? "tenant";
  const tenant = claimAt(claims, tenantClaim) ?? defaultTenant;
  const subjectClaim = names.subject ?? "sub";
  const subject = claimAt(claims, subjectClaim);
  return {
    tenant: nameOf(tenant, tenantClaim),
    subject: nameOf(subject, subjectClaim),
    roles: listOf(claimAt(claims, names.roles ?? "roles")),
    ...(names.scopes === undefined ? {} : { scopes: listOf(claimAt(claims, names.scopes)) }),
  };
}

function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let here: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string, unknown>)[part];
  }
  return here;
}

function nameOf(value: unknown, claim: string): string {
  if (typeof value === "string" && namePattern.test(value)) return value;
  const why = value === undefined ? "lacks the claim" : "has no usable name in the claim";
  throw new AtpError("EAUTH", `The token ${why} ${claim}. Ask its issuer to set it.`, { details: { claim } });
}

function listOf(value: unknown): readonly string[] {
  if (typeof value === "string") return value.split(" ").filter((item) => item !== "");
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
