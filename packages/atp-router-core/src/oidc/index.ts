/**
 * Identity by OpenID Connect behind IdentityPort. Needs the optional peer `jose`.
 * @packageDocumentation
 */
export type { ClaimNames } from "./claims.js";
export { oidcIdentity } from "./identity.js";
export type { OidcIdentity, OidcIdentityOptions } from "./identity.js";
