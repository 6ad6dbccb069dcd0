import { AtpError, closeCodes, decodeFrame } from "atp-protocol";
import type { Grant, HelloContent } from "atp-protocol";
import type { Principal } from "../model/index.js";
import { createSession, sizeOf, TOKEN_BYTES } from "./session.js";
import type { Line, Session } from "./session-port.js";
import type { ConnectionTools } from "./session-tools.js";
import { settle, settled } from "./settle.js";
import type { SocketHandler, SocketInfo, SocketPort } from "./socket.js";

/** One socket, and the session it speaks for: its own, or after a HELLO that resumes an older one. */
export interface Connection extends SocketHandler {
  /** Tells the client that the router drains. */
  drain(): void;
  close(code: number, reason: string): void;
}

/** Takes a socket that opened. @param closed is told when the socket is gone */
export function openConnection(
  tools: ConnectionTools,
  socket: SocketPort,
  info: SocketInfo,
  closed: (connection: Connection) => void,
): Connection {
  const { clock } = tools;
  /** Undefined once a newer socket has the session. */
  let session: Session | undefined;
  let draining = false;

  const line: Line = {
    socket,
    remote: info.remote,
    greet(hello) {
      const fresh = session;
      if (fresh !== undefined) settle(() => known(hello, fresh), refused(fresh));
    },
    identify: (then, otherwise) =>
      settle(
        () => settled(tools.authenticate(info.credentials.token), then),
        (error) => otherwise(AtpError.from(error, "EAUTH")),
      ),
    superseded() {
      session = undefined;
      socket.close(closeCodes.superseded, "a newer socket resumed this session");
    },
  };

  /** A HELLO came: who is it, and which session is meant. */
  function known(hello: HelloContent, fresh: Session): void | Promise<void> {
    const resumes = hello.capabilities.includes("resume");
    const shown = resumes ? hello.resume?.resume_token : undefined;
    const token = resumes ? tools.rng.hex(TOKEN_BYTES) : undefined;
    return settled(tools.authenticate(hello.token ?? info.credentials.token), (who) =>
      settled(token === undefined ? "" : tools.hash(token), (tokenId) =>
        settled(shown === undefined ? "" : tools.hash(shown), (shownId) => {
          // The socket may have gone meanwhile.
          if (session !== fresh) return;
          const older = shown === undefined ? undefined : tools.find(shownId);
          const grant = grantOf(who, older?.id ?? fresh.id, token, tokenId);
          if (older === undefined) fresh.grant(who, grant);
          else if (isSame(older.principal, who)) resume(older, fresh, hello, grant, shownId);
          else throw new AtpError("ESEC", "This resume token is another principal's.", { details: { rule: "A2.3" } });
        }),
      ),
    );
  }

  function refused(fresh: Session): (error: unknown) => void {
    return (error) => {
      const told = AtpError.from(error, "EAUTH");
      const closeCode = told.code === "ESEC" ? closeCodes.forbidden : closeCodes.unauthenticated;
      fresh.step({ t: "hello.refused", at: clock.now(), error: told.toContent(), closeCode });
    };
  }

  function grantOf(who: Principal, epoch: string, token: string | undefined, tokenId: string): Grant {
    return {
      epoch,
      server: tools.server,
      levels: [1],
      lease: tools.lease,
      principal: { tenant: who.tenant, sub: who.subject },
      ...(token === undefined ? {} : { resumeToken: token, resumeTokenId: tokenId }),
    };
  }

  /** This socket goes to the older session; the one that was made for it never was. */
  function resume(older: Session, fresh: Session, hello: HelloContent, grant: Grant, shownId: string): void {
    fresh.dispose();
    session = older;
    socket.setReading(true);
    older.attach(line, hello, grant, shownId);
    if (draining) older.step({ t: "drain", at: clock.now() });
  }

  const connection: Connection = {
    text(data) {
      if (session === undefined) return;
      const bytes = sizeOf(data);
      const decoded = decodeFrame(data, tools.limits);
      const at = clock.now();
      session.step(
        decoded.ok
          ? { t: "socket.frame", at, frame: decoded.frame, bytes }
          : { t: "socket.refused", at, refusal: decoded.refusal, bytes },
      );
    },
    binary(data) {
      const refusal = {
        code: "EPROTO" as const,
        message: "A binary message came on the JSON subprotocol. Send text.",
        rule: "A3.4",
      };
      session?.step({ t: "socket.refused", at: clock.now(), refusal, bytes: data.byteLength });
    },
    alive: () => session?.step({ t: "socket.alive", at: clock.now() }),
    flushed: (bytes) => session?.step({ t: "socket.buffered", at: clock.now(), bytes }),
    closed(code, reason) {
      const left = session;
      session = undefined;
      left?.left(code, reason);
      closed(connection);
    },
    drain() {
      draining = true;
      session?.step({ t: "drain", at: clock.now() });
    },
    close(code, reason) {
      if (session === undefined) socket.close(code, reason);
      else session.step({ t: "close", at: clock.now(), code, reason });
    },
  };
  session = createSession(tools, line);
  tools.opened(session);
  session.step({ t: "socket.opened", at: clock.now(), subprotocol: info.subprotocol });
  return connection;
}

function isSame(a: Principal | undefined, b: Principal): boolean {
  return a !== undefined && a.tenant === b.tenant && a.subject === b.subject;
}
