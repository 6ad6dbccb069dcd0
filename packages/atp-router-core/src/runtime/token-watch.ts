import { AtpError, closeCodes, payloadTypes } from "atp-protocol";
import type { Payload } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { Clock, Identified } from "../ports/index.js";
import { isSame } from "./grant.js";
import { settle, settled } from "./settle.js";

/** How long before its token expires a client is asked for the next one, at most; of a shorter life the second half. */
const NOTICE_MS = 60_000;

/** What a lifetime without an end is told as. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/** The life of the token that a client with HELLO showed (A2.3). */
export interface TokenWatch {
  /** The client is known, until its token expires. */
  start(who: Identified): void;
  /** A `control.auth` came. */
  renew(content: unknown): void;
  stop(): void;
}

/** What it needs of its connection. */
export interface TokenWatchHost {
  readonly clock: Clock;
  readonly authenticate: (token: string | undefined) => Identified | Promise<Identified>;
  /** Says something on stream `"0"`. */
  readonly tell: (payload: Payload) => void;
  readonly close: (code: number, reason: string) => void;
}

/** Asks for a new token in time, takes it in band, and closes with 4301 when none came. @param known who has no token that expires */
export function watchToken(host: TokenWatchHost, known?: Principal): TokenWatch {
  const { clock, authenticate, tell, close } = host;
  let principal = known;
  let stopTimer: (() => void) | undefined;
  let stopped = false;

  function start(who: Identified): void {
    principal = who.principal;
    stopTimer?.();
    if (who.expiresAt === undefined) return;
    const now = clock.now();
    const deadline = now + Math.max(0, who.expiresAt - clock.wall());
    stopTimer = clock.at(deadline - Math.min(NOTICE_MS, (deadline - now) / 2), () => {
      stopTimer = clock.at(deadline, expire);
      tell({ type: payloadTypes.auth, content: { deadline_ms: Math.max(0, Math.floor(deadline - clock.now())) } });
    });
  }

  function expire(): void {
    fail(new AtpError("EAUTH", "The token has expired. Connect again with a new one.", { details: { expired: true } }));
    close(closeCodes.tokenExpired, "the token has expired");
  }

  function fail(error: unknown): void {
    if (!stopped) tell({ type: payloadTypes.error, content: AtpError.from(error, "EAUTH").toContent() });
  }

  function take(next: Identified): void {
    if (stopped) return;
    if (!isSame(principal, next.principal))
      throw new AtpError("EAUTH", "A renewal keeps its principal. This token is another one's.", {
        details: { rule: "A2.3" },
      });
    start(next);
    const leftMs = next.expiresAt === undefined ? FOREVER_MS : Math.max(0, Math.floor(next.expiresAt - clock.wall()));
    tell({ type: payloadTypes.auth, content: { expires_in_ms: leftMs } });
  }

  return {
    start,
    renew(content) {
      const token = (content as { readonly token?: unknown } | undefined)?.token;
      if (principal === undefined) return;
      if (typeof token !== "string")
        return fail(new AtpError("EPROTO", "A client renews by control.auth {token}.", { details: { rule: "A2.3" } }));
      settle(() => settled(authenticate(token), take), fail);
    },
    stop() {
      stopped = true;
      stopTimer?.();
    },
  };
}
