import { AtpError, closeCodes, decodeFrame, encodeFrame, payloadTypes } from "atp-protocol";
import type { Decoded, Frame, HelloContent, Payload } from "atp-protocol";
import type { Attachment } from "atp-protocol/replay";
import type { Principal } from "../model/index.js";
import { StoreUnavailable } from "../ports/index.js";
import type { Identified } from "../ports/index.js";
import { createGate } from "./integrity-gate.js";
import { createSession, TOKEN_BYTES } from "./session.js";
import { wantsSeal } from "./session-seal.js";
import type { Line, Session } from "./session-port.js";
import { grantOf, isSame } from "./grant.js";
import type { Relay } from "./relay-guest.js";
import type { SharedSessions } from "./shared-sessions.js";
import type { ConnectionTools } from "./session-tools.js";
import { settle, settled } from "./settle.js";
import { sizeOf } from "./size-of.js";
import { watchToken, type TokenWatch } from "./token-watch.js";
import type { SocketHandler, SocketInfo, SocketPort } from "./socket.js";

/** Until it knows who asks, a router that wants credentials reads no larger frame (A2.3). */
const UNKNOWN_LIMITS = { max_frame_bytes: 16_384 };

/** One socket, and the session it speaks for: its own, or after a HELLO that resumes an older one. */
export interface Connection extends SocketHandler {
  /** Tells the client that the router drains. */
  drain(): void;
  close(code: number, reason: string): void;
}

/** Takes a socket that opened. @param closed is told when the socket is gone */
export function openConnection(
  tools: ConnectionTools,
  ownSocket: SocketPort,
  info: SocketInfo,
  closed: (connection: Connection) => void,
): Connection {
  const { clock, integrity } = tools;
  /** Undefined once a newer socket has the session. */
  let session: Session | undefined;
  /** Set while another router owns the session. */
  let relay: Relay | undefined;
  let label = "0";
  /** The session that is relayed. */
  let owned = "";
  let draining = false;
  /** Somebody is to show a token and has not yet. */
  let unknown = tools.needsToken;
  /** Made for a token that expires, or when a client sends another one. */
  let watch: TokenWatch | undefined;
  /** Set while another router owns the session: what this router says by itself is sealed here. */
  let seal: ((frame: Frame) => Frame) | undefined;
  const gate =
    integrity === undefined
      ? undefined
      : createGate({
          integrity,
          socket: ownSocket,
          authenticate: () => tools.authenticate(info.credentials.token),
          epoch: () => session?.id ?? owned,
          pass: read,
          maxBytes: tools.limits.max_frame_bytes,
        });
  const socket = gate?.socket ?? ownSocket;

  const line: Line = {
    socket,
    remote: info.remote,
    codec: info.codec,
    greet(hello) {
      const fresh = session;
      gate?.held();
      if (fresh !== undefined) greeter()(hello, fresh);
    },
    identify: (then, otherwise) =>
      settle(
        () =>
          settled(tools.authenticate(info.credentials.token), (who) => {
            unknown = false;
            then(who);
          }),
        (error) => otherwise(AtpError.from(error, "EAUTH")),
      ),
    renew: (content) => watching().renew(content),
    superseded() {
      session = undefined;
      watch?.stop();
      socket.close(closeCodes.superseded, "a newer socket resumed this session");
    },
  };

  /** What answers a HELLO: made for it, so that an idle connection does not hold it. */
  function greeter(): (hello: HelloContent, fresh: Session) => void {
    /** A HELLO came: who is it, and which session is meant. */
    function known(hello: HelloContent, fresh: Session): void | Promise<void> {
      const resumes = hello.capabilities.includes("resume");
      const shown = resumes ? hello.resume?.resume_token : undefined;
      const token = resumes ? tools.rng.hex(TOKEN_BYTES) : undefined;
      return settled(speakerOf(hello), (who) =>
        settled(token === undefined ? "" : tools.hash(token), (tokenId) =>
          settled(shown === undefined ? "" : tools.hash(shown), (shownId) => {
            // The socket may have gone meanwhile.
            if (session !== fresh) return;
            const found = shown === undefined ? undefined : tools.find(shownId);
            // A resume keeps the encoding: what is to be replayed is kept as it was encoded (A8.1).
            const older = found?.codec === info.codec ? found : undefined;
            const { shared } = tools;
            if (older !== undefined) return attach(older, { who, hello, token, tokenId, shownId }, fresh);
            if (shared !== undefined && token !== undefined)
              return elsewhere(shared, { who, hello, token, tokenId, shownId }, shown !== undefined, fresh);
            return fresh.grant(who, grantOf(tools, who, fresh.id, token, tokenId));
          }),
        ),
      );
    }

    /** Who said HELLO, once its seal is right. */
    function speakerOf(hello: HelloContent): Principal | Promise<Principal> {
      return settled(whoSays(hello), ({ principal }) => {
        if (integrity !== undefined && wantsSeal(hello.capabilities)) seal = integrity.sealer(principal);
        return settled(gate?.greeted(principal), () => principal);
      });
    }

    /** Whom the HELLO's token or the header's names; both, when both are there (A2.3). */
    function whoSays({ token }: HelloContent): Identified | Promise<Identified> {
      const header = info.credentials.token;
      return settled(tools.authenticate(token ?? header), (who) => {
        const both = token === undefined || header === undefined || token === header ? who : tools.authenticate(header);
        return settled(both, (other) => {
          if (!isSame(other.principal, who.principal))
            throw new AtpError("ESEC", "The header's token and HELLO's name two principals.", {
              details: { rule: "A2.3" },
            });
          unknown = false;
          if (who.expiresAt !== undefined) watching().start(who);
          return who;
        });
      });
    }

    /** With a shared store the session may be another router's; one that begins here is published before its token is shown (A9.3). */
    async function elsewhere(shared: SharedSessions, asked: Asked, resumes: boolean, fresh: Session): Promise<void> {
      const { who, hello, token = "", tokenId, shownId } = asked;
      const at = resumes ? await shared.attach(shownId, who) : null;
      if (session !== fresh) return;
      if (at === "forbidden") throw notYours();
      if (at === null) {
        await shared.publish(fresh.id, who, [tokenId]);
        if (session === fresh) fresh.grant(who, grantOf(tools, who, fresh.id, token, tokenId));
        return;
      }
      const { token: _credential, ...told } = hello;
      const { tenant, subject } = who;
      const { subprotocol } = info;
      const open = {
        t: "open",
        remote: info.remote,
        subprotocol,
        hello: told,
        tenant,
        subject,
        token,
        tokenId,
        shownId,
      } as const;
      relay = shared.relay(at, socket, open, (how) => {
        if (how === "opened") {
          if (session !== fresh) return;
          label = fresh.label();
          owned = at.session;
          fresh.dispose();
          session = undefined;
          socket.setReading(true);
          return;
        }
        relay = undefined;
        if (session !== fresh) return;
        if (how === "silent") return refused(fresh)(ownerSilent());
        const goOn = how === "lost" ? adopt(shared, at, asked, fresh) : elsewhere(shared, asked, false, fresh);
        goOn.catch(refused(fresh));
      });
    }

    /** The owner of the session is lost: it goes on here, with what the store has of its streams (A9.3). */
    async function adopt(
      shared: SharedSessions,
      { session: id, owner }: Attachment,
      asked: Asked,
      fresh: Session,
    ): Promise<void> {
      const { who, hello, tokenId, shownId } = asked;
      const streams = await shared.lost(id, fresh.label(), hello.resume?.streams ?? []);
      await shared.publish(id, who, [shownId, tokenId]);
      if (session !== fresh) return;
      const cut = streams.filter(({ kept }) => kept.at(-1)?.end !== true).length;
      tools.observer?.observe({ t: "session.adopted", session: id, owner, streams: streams.length, cut });
      const heir = createSession(tools, {
        id,
        principal: who,
        codec: info.codec,
        sealed: wantsSeal(hello.capabilities),
      });
      tools.opened(heir);
      const at = clock.now();
      heir.step({ t: "session.adopt", at, sessionId: fresh.label(), capabilities: hello.capabilities, streams });
      attach(heir, asked, fresh);
    }

    function refused(fresh: Session): (error: unknown) => void {
      return (error) => {
        const told = error instanceof StoreUnavailable ? storeAway() : AtpError.from(error, "EAUTH");
        const closeCode = closeCodeOf(told);
        fresh.step({ t: "hello.refused", at: clock.now(), error: told.toContent(), closeCode });
      };
    }

    /** This socket goes to the older session; the one that was made for it never was. */
    function attach(older: Session, asked: Asked, fresh: Session): void {
      const { who, hello, token, tokenId, shownId } = asked;
      if (!isSame(older.principal, who)) throw notYours();
      fresh.dispose();
      session = older;
      socket.setReading(true);
      older.attach(line, hello, grantOf(tools, who, older.id, token, tokenId), shownId);
      if (draining) older.step({ t: "drain", at: clock.now() });
    }

    return (hello, fresh) => settle(() => known(hello, fresh), refused(fresh));
  }

  function watching(): TokenWatch {
    return (watch ??= watchToken(
      {
        clock,
        authenticate: tools.authenticate,
        tell: say,
        close: (code, reason) => connection.close(code, reason),
      },
      session?.principal,
    ));
  }

  /** A word of this router's own; of a relayed session it does not go through the owner. */
  function say(payload: Payload): void {
    if (session !== undefined) session.step({ t: "stream.control", at: clock.now(), stream: null, payload });
    else if (relay !== undefined) {
      const frame: Frame = { v: 1, session_id: label, stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
      socket.send((info.codec?.encode ?? encodeFrame)(seal === undefined ? frame : seal(frame)));
    }
  }

  /** What came from the client goes to its session, wherever that is. */
  function read(decoded: Decoded, bytes: number): void {
    const at = clock.now();
    if (session !== undefined)
      session.step(
        decoded.ok
          ? { t: "socket.frame", at, frame: decoded.frame, bytes }
          : { t: "socket.refused", at, refusal: decoded.refusal, bytes },
      );
    else if (!decoded.ok) relay?.push({ t: "refused", refusal: decoded.refusal, bytes });
    else if (decoded.frame.payload?.type === payloadTypes.auth) watching().renew(decoded.frame.payload.content);
    else relay?.push({ t: "frame", frame: decoded.frame, bytes });
  }

  const take = gate === undefined ? read : (decoded: Decoded, bytes: number) => gate.take(decoded, bytes);
  const connection: Connection = {
    text(data) {
      if (session === undefined && relay === undefined) return;
      if (info.codec === undefined) take(decodeFrame(data, unknown ? UNKNOWN_LIMITS : tools.limits), sizeOf(data));
      else take(misplaced("text", "CBOR", "bytes"), sizeOf(data));
    },
    binary(data) {
      const decoded = info.codec?.decode(data, unknown ? UNKNOWN_LIMITS : tools.limits);
      take(decoded ?? misplaced("binary", "JSON", "text"), data.byteLength);
    },
    alive() {
      if (session === undefined) relay?.push({ t: "alive" });
      else session.step({ t: "socket.alive", at: clock.now() });
    },
    flushed(bytes) {
      if (session === undefined) relay?.push({ t: "buffered", bytes });
      else session.step({ t: "socket.buffered", at: clock.now(), bytes });
    },
    closed(code, reason) {
      const left = session;
      session = undefined;
      watch?.stop();
      left?.left(code, reason);
      relay?.closed(code, reason);
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

function misplaced(kind: string, encoding: string, wanted: string): Decoded {
  const message = `A ${kind} message came on the ${encoding} subprotocol. Send ${wanted}.`;
  return { ok: false, refusal: { code: "EPROTO", rule: "A3.4", message } };
}

/** How a refused HELLO ends its socket (A2.3, A12). */
function closeCodeOf({ code, details }: AtpError): number {
  if (code === "ESEC" || code === "EPOLICY") return closeCodes.forbidden;
  if (code !== "EAUTH") return closeCodes.overloaded;
  return details?.["expired"] === true ? closeCodes.tokenExpired : closeCodes.unauthenticated;
}

/** What a HELLO asks for, and by which tokens. */
interface Asked {
  readonly who: Principal;
  readonly hello: HelloContent;
  /** The next token; absent without `resume`. */
  readonly token: string | undefined;
  readonly tokenId: string;
  readonly shownId: string;
}

/** Who asks is known; what routers share of its sessions is not. */
function storeAway(): AtpError {
  const message = "The store that routers share cannot be reached. Connect again later.";
  return new AtpError("EOVERLOAD", message, { retryAfterMs: 1_000 });
}

/** The router of the session lives, and does not answer: it may in a moment. */
function ownerSilent(): AtpError {
  const message = "The router of this session does not answer. Connect again.";
  return new AtpError("EOVERLOAD", message, { retryAfterMs: 200 });
}

function notYours(): AtpError {
  return new AtpError("ESEC", "This resume token is another principal's.", { details: { rule: "A2.3" } });
}
