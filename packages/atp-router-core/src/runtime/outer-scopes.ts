import type { Limits, Principal } from "../model/index.js";
import type { OuterScope } from "../stream/index.js";

/** The scopes beyond its own that a stream's holds count in: its session, its caller where it has ceilings, its tenant. */
export function outerScopes(
  session: string,
  sessionLimits: Limits,
  principal: Principal,
  tenantScope: OuterScope,
): readonly OuterScope[] {
  const { tenant, subject, limits } = principal;
  return [
    { source: "session", key: `session:${session}`, limits: sessionLimits },
    ...(limits === undefined ? [] : [{ source: "tenant" as const, key: `subject:${tenant}/${subject}`, limits }]),
    tenantScope,
  ];
}
