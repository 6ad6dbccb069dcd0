import type { RouterState as State } from "./router-state.js";

/**
 * Rotation with overlap (A9.3): the token last shown and the newest issued are both valid, however often the former is
 * shown again, until an ACK or HB comes on the socket that was given the newest; those issued between die.
 */
export function issueToken(s: State, shownId: string | undefined, newestId: string): void {
  s.tokenIds = shownId === undefined ? [newestId] : [shownId, newestId];
  s.fx.push({ t: "tokens", valid: s.tokenIds });
}

/** The client was heard on the socket that showed it the newest token: the older one dies. */
export function confirmToken(s: State): void {
  if (s.tokenIds.length < 2) return;
  s.tokenIds = s.tokenIds.slice(-1);
  s.fx.push({ t: "tokens", valid: s.tokenIds });
}
