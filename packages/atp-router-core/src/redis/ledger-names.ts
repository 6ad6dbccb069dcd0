import type { HoldScope } from "../model/index.js";

/** Each scope once. */
export function uniqueScopes(scopes: readonly HoldScope[]): readonly HoldScope[] {
  return scopes.filter((scope, i) => scopes.findIndex(({ key }) => key === scope.key) === i);
}

/** A scope that outlives its streams and sessions. */
export function isShared(scope: HoldScope): boolean {
  return scope.source === "tenant";
}

/** The tenant that a scope's own key names, as `tenant:acme` or `tenant:acme@...` does. */
export function tenantName(scope: string): string | undefined {
  return /^(?:tenant|subject):([^@/]*)/.exec(scope)?.[1];
}

/** The tenant of a hold, by its outermost scope. */
export function tenantOf(scopes: readonly HoldScope[]): string {
  const outer = [...scopes].reverse().find(({ source }) => source === "tenant");
  return (outer === undefined ? undefined : tenantName(outer.key)) ?? "";
}
