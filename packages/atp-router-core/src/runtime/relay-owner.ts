import { closeCodes } from "atp-protocol";
import type { ReplayStore } from "atp-protocol/replay";
import type { Principal } from "../model/index.js";
import type { Clock } from "../ports/index.js";
import { packParts, relayPipe } from "./relay-pipe.js";
import type { RelayBatch, RelayItem } from "./relay-pipe.js";
import type { Line, Session } from "./session-port.js";
import { CBOR_SUBPROTOCOL } from "./socket.js";
import type { SocketPort } from "./socket.js";

/** A client of one of our sessions whose socket is at another router. */
export interface RemoteLine {
  take(items: readonly RelayItem[]): void;
  drain(): void;
  close(code: number, reason: string): void;
}

/** What a remote line needs of its router. */
export interface OwnerTools {
  readonly store: ReplayStore;
  readonly self: string;
  readonly clock: Clock;
  readonly find: (tokenId: string) => Session | undefined;
  /** Attaches the line to the session, when the principal is its own. @returns whether it is */
  readonly attach: (session: Session, line: Line, open: Extract<RelayItem, { t: "open" }>, who: Principal) => boolean;
  readonly gone: (line: string) => void;
}

/** Takes a client that another router speaks for. Null: its first item does not open a line. */
export function openRemoteLine(tools: OwnerTools, batch: RelayBatch): RemoteLine | null {
  const { clock, store, self } = tools;
  const [open, ...rest] = batch.items;
  if (open?.t !== "open") return null;
  // Its socket is gone again: attached, it would take the session from one that came later.
  if (rest.some((item) => item.t === "closed")) return null;
  const found = tools.find(open.shownId);
  let session = found;
  const pipe = relayPipe(store, found?.id ?? "", batch.line, self, batch.from, () => left(1006, "its router is lost"));

  function left(code: number, reason: string): void {
    const was = session;
    session = undefined;
    tools.gone(batch.line);
    was?.left(code, reason);
  }

  const socket: SocketPort = {
    send: (data) => pipe.push({ t: "data", data: packParts([data]) }),
    close: (code, reason) => pipe.push({ t: "close", code, reason }),
    terminate: () => pipe.push({ t: "terminate" }),
    ping: () => pipe.push({ t: "ping" }),
    setReading: (on) => pipe.push({ t: "reading", on }),
    bufferedBytes: () => 0,
  };
  const line: Line = {
    socket,
    remote: open.remote,
    codec: found?.codec,
    // The other router has read its HELLO and knows who it is.
    greet: () => undefined,
    identify: () => undefined,
    renew: () => undefined,
    superseded() {
      session = undefined;
      tools.gone(batch.line);
      pipe.push({ t: "close", code: closeCodes.superseded, reason: "a newer socket resumed this session" });
    },
  };
  // A resume keeps the encoding.
  if (found === undefined || (found.codec !== undefined) !== (open.subprotocol === CBOR_SUBPROTOCOL)) {
    session = undefined;
    pipe.push({ t: "unknown" });
    return null;
  }
  pipe.push({ t: "opened" });
  const who: Principal = { tenant: open.tenant, subject: open.subject, roles: [] };
  if (!tools.attach(found, line, open, who)) {
    session = undefined;
    pipe.push({ t: "close", code: closeCodes.forbidden, reason: "this resume token is another principal's" });
    return null;
  }

  function take(items: readonly RelayItem[]): void {
    for (const item of items) {
      const at = clock.now();
      if (item.t === "frame") session?.step({ t: "socket.frame", at, frame: item.frame, bytes: item.bytes });
      else if (item.t === "refused")
        session?.step({ t: "socket.refused", at, refusal: item.refusal, bytes: item.bytes });
      else if (item.t === "buffered") session?.step({ t: "socket.buffered", at, bytes: item.bytes });
      else if (item.t === "pulse") pipe.push(item);
      else if (item.t === "alive") session?.step({ t: "socket.alive", at });
      else if (item.t === "closed") left(item.code, item.reason);
    }
  }
  take(rest);
  return {
    take,
    drain: () => session?.step({ t: "drain", at: clock.now() }),
    close: (code, reason) => session?.step({ t: "close", at: clock.now(), code, reason }),
  };
}
