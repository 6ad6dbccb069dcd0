import type { StreamKey } from "../stream/index.js";
import type { StreamHost } from "./host.js";
import type { Session } from "./session-port.js";

/** When the ledger may forget the ceilings of a session: streams that parted from it still spend under them. */
export interface SessionScopes {
  parted(from: Session): void;
  sessionEnded(session: Session): void;
  streamEnded(scope: string): void;
}

/** @param hosts the streams that run */
export function createSessionScopes(
  hosts: ReadonlyMap<StreamKey, StreamHost>,
  forget: (scope: string) => void,
): SessionScopes {
  const parents = new Set<Session>();
  /** Of sessions that are gone while streams of theirs still run. */
  const left = new Set<string>();

  function forgetWhenUnused(scope: string): void {
    for (const host of hosts.values()) {
      if (host.scope !== scope) continue;
      left.add(scope);
      return;
    }
    forget(scope);
  }

  return {
    parted: (from) => void parents.add(from),
    sessionEnded(session) {
      const scope = `session:${session.id}`;
      if (parents.delete(session)) forgetWhenUnused(scope);
      else forget(scope);
    },
    streamEnded(scope) {
      if (left.delete(scope)) forgetWhenUnused(scope);
    },
  };
}
