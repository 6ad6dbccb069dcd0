import { AtpError } from "atp-protocol";
import type { Session } from "./session-port.js";

/** Memory set aside for each open stream: what its adapters, its plan and its unsent messages may take (A8.4). */
const STREAM_BYTES = 131_072;

/** A session that holds less is not worth the gaps. */
const WORTH_BYTES = 4_096;

/** All sessions of a router: found by their tokens, and held within its memory. */
export interface Sessions {
  add(session: Session): void;
  find(tokenId: string): Session | undefined;
  /** Replaces the tokens of a session. None: nobody can resume it any more. */
  tokens(session: Session, valid: readonly string[]): void;
  /** What a session holds may have changed. */
  changed(session: Session): void;
  remove(session: Session): void;
  /**
   * Sees to it that one more stream has room, if need be by giving up what the longest detached sessions keep (A8.4).
   * @throws AtpError `EOVERLOAD` when there is none.
   */
  admit(openStreams: number): void;
  /** Bytes held by all sessions, as of now. */
  bytes(): number;
  all(): Iterable<Session>;
}

/** A registry of sessions. @param budgetBytes what they and their streams may hold together */
export function createSessions(budgetBytes: number): Sessions {
  const byToken = new Map<string, Session>();
  const tokensOf = new Map<Session, readonly string[]>();
  /** What each session held when it was last counted, and those to be counted again. */
  const counted = new Map<Session, number>();
  const stale = new Set<Session>();
  let total = 0;

  function bytes(): number {
    for (const session of stale) {
      const held = session.bytes();
      total += held - (counted.get(session) ?? 0);
      counted.set(session, held);
    }
    stale.clear();
    return total;
  }

  function longestDetached(): Session[] {
    return [...counted]
      .filter(([session, held]) => session.detachedAt !== undefined && held >= WORTH_BYTES)
      .map(([session]) => session)
      .sort((a, b) => (a.detachedAt ?? 0) - (b.detachedAt ?? 0));
  }

  return {
    add(session) {
      counted.set(session, 0);
      stale.add(session);
    },
    find: (tokenId) => byToken.get(tokenId),
    tokens(session, valid) {
      for (const id of tokensOf.get(session) ?? []) byToken.delete(id);
      for (const id of valid) byToken.set(id, session);
      tokensOf.set(session, valid);
    },
    changed(session) {
      if (counted.has(session)) stale.add(session);
    },
    remove(session) {
      for (const id of tokensOf.get(session) ?? []) byToken.delete(id);
      tokensOf.delete(session);
      total -= counted.get(session) ?? 0;
      counted.delete(session);
      stale.delete(session);
    },
    admit(openStreams) {
      const spoken = (openStreams + 1) * STREAM_BYTES;
      if (bytes() + spoken <= budgetBytes) return;
      for (const session of longestDetached()) {
        session.evict();
        if (bytes() + spoken <= budgetBytes) return;
      }
      throw new AtpError("EOVERLOAD", "The router's memory is spoken for. Try again later.", {
        retryAfterMs: 1_000,
        details: { rule: "A8.4" },
      });
    },
    bytes,
    all: () => counted.keys(),
  };
}
