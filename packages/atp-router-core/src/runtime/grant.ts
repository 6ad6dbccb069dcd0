import type { Grant } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { Identified } from "../ports/index.js";
import type { Lease } from "./router.js";

/** Core and secure (A13). Of level 3 the types for tools are not built. */
const LEVELS: readonly number[] = [1, 2];

/** Who a client is where nobody asks. */
export const anyone: Identified = { principal: { tenant: "default", subject: "anonymous", roles: [] } };

/** What every welcome of a router says. */
export interface GrantTools {
  readonly server: { readonly name: string; readonly version: string };
  readonly lease: Lease;
  readonly resumeUrl?: string | undefined;
}

/** What a HELLO is answered with (A2.2). @param token absent without `resume` */
export function grantOf(
  { server, lease, resumeUrl }: GrantTools,
  who: Principal,
  epoch: string,
  token: string | undefined,
  tokenId: string,
): Grant {
  return {
    epoch,
    server,
    levels: LEVELS,
    lease,
    ...(resumeUrl === undefined ? {} : { resumeUrl }),
    principal: { tenant: who.tenant, sub: who.subject },
    ...(token === undefined ? {} : { resumeToken: token, resumeTokenId: tokenId }),
  };
}

/** A session belongs to its first principal (A2.3). */
export function isSame(a: Principal | undefined, b: Principal): boolean {
  return a !== undefined && a.tenant === b.tenant && a.subject === b.subject;
}
