import { AtpError, payloadTypes } from "atp-protocol";
import type { Decoded, Frame } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { Identified } from "../ports/index.js";
import { uncheckedRefusal } from "./integrity.js";
import type { Integrity } from "./integrity.js";
import { settled } from "./settle.js";
import type { SocketPort } from "./socket.js";

/** Keeps frames whose seal is wrong from a session. What comes while one is being looked at waits behind it. */
export interface Gate {
  take(decoded: Decoded, bytes: number): void;
  /** A HELLO is being answered: what follows waits for its principal. */
  held(): void;
  /**
   * It was this principal's HELLO.
   * @throws AtpError `ESEC` when its seal is wrong
   */
  greeted(who: Principal): void | Promise<void>;
  /** The socket for whoever wants to stop reading it: the gate may want that too. */
  readonly socket: SocketPort;
}

/** What a gate needs. */
export interface GateTools {
  readonly integrity: Integrity;
  readonly socket: SocketPort;
  /** Whom the socket's own credentials name; for clients that say no HELLO. */
  readonly authenticate: () => Identified | Promise<Identified>;
  /** The epoch of the session that frames go to. */
  readonly epoch: () => string;
  readonly pass: (decoded: Decoded, bytes: number) => void;
  /** How many bytes may wait before reading pauses. */
  readonly maxBytes: number;
}

interface Item {
  readonly decoded: Decoded;
  readonly bytes: number;
}

/** The gate of one socket. */
export function createGate({ integrity, socket, authenticate, epoch, pass, maxBytes }: GateTools): Gate {
  let who: Principal | undefined;
  /** Its seal can be looked at when its principal is known. */
  let hello: Frame | undefined;
  let busy = false;
  const waiting: Item[] = [];
  let waitingBytes = 0;
  let paused = false;
  let wanted = true;

  function pause(on: boolean): void {
    if (paused === on) return;
    paused = on;
    socket.setReading(wanted && !paused);
  }

  function read({ decoded, bytes }: Item): void | Promise<void> {
    if (!decoded.ok) {
      pass(decoded, bytes);
      return;
    }
    const { frame } = decoded;
    if (who === undefined && frame.payload?.type === payloadTypes.hello) {
      hello = frame;
      pass(decoded, bytes);
      return;
    }
    const speaker = who ?? settled(authenticate(), ({ principal }) => (who = principal));
    return settled(speaker, (from) =>
      settled(integrity.check(frame, from, ownerOf(frame)), (refusal) =>
        pass(refusal === null ? decoded : { ok: false, refusal }, bytes),
      ),
    );
  }

  /** What a frame is in its session, when it takes a number there. */
  function ownerOf({ flags, stream_id, msg_seq }: Frame): string | undefined {
    return flags.includes("CTRL") ? undefined : `${epoch()}/${stream_id}/${msg_seq}`;
  }

  function run(item: Item): void {
    const failed = (thrown: unknown): void => {
      if (item.decoded.ok) pass({ ok: false, refusal: uncheckedRefusal(item.decoded.frame, thrown) }, item.bytes);
    };
    try {
      const done = read(item);
      if (!(done instanceof Promise)) return;
      busy = true;
      void done.catch(failed).then(next);
    } catch (thrown) {
      failed(thrown);
    }
  }

  function next(): void {
    busy = false;
    pause(false);
    while (!busy && waiting.length > 0) {
      const item = waiting.shift() as Item;
      waitingBytes -= item.bytes;
      run(item);
    }
  }

  return {
    take(decoded, bytes) {
      if (!busy) {
        run({ decoded, bytes });
        return;
      }
      waiting.push({ decoded, bytes });
      waitingBytes += bytes;
      if (waitingBytes > maxBytes) pause(true);
    },
    held() {
      busy = true;
    },
    greeted(from) {
      const frame = hello;
      hello = undefined;
      return settled(frame === undefined ? null : integrity.check(frame, from), (refusal) => {
        if (refusal !== null)
          throw new AtpError("ESEC", refusal.message, { details: { rule: refusal.rule, ...refusal.details } });
        who = from;
        next();
      });
    },
    socket: {
      send: (data) => socket.send(data),
      close: (code, reason) => socket.close(code, reason),
      terminate: () => socket.terminate(),
      ping: () => socket.ping(),
      bufferedBytes: () => socket.bufferedBytes(),
      setReading(on) {
        wanted = on;
        socket.setReading(wanted && !paused);
      },
    },
  };
}
