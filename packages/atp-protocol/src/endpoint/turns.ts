import { canSend, hasWork, put } from "./outbox.js";
import { sendNext } from "./sender.js";
import type { State, Stream } from "./state.js";
import type { Frame } from "../frame/frame.js";

/** Bytes that a stream may send before the next one has its turn, once the socket is backed up (A5.5). */
const TURN_BYTES = 4_096;

/** The socket told what it still holds: go on sending once it is under the low mark. */
export function onBuffered(s: State, bytes: number): void {
  if (bytes < s.buffered) s.stalledAt = s.at;
  s.buffered = bytes;
  if (!s.full || bytes > s.lowMark) return;
  s.full = false;
  flush(s);
  if (!s.full) s.fx.push({ t: "outbox.room", stream: null });
}

/** Sends what waits: the connection's frames first, then the streams in turn by bytes (A5.5). */
export function flush(s: State): void {
  if (s.phase === "idle" || s.phase === "closing" || s.full) return;
  let sent = 0;
  while (sent < s.controls.length && put(s, s.controls[sent] as Frame) > 0) sent++;
  s.controls.splice(0, sent);
  if (!canSend(s)) return;
  let idleTurns = 0;
  while (!s.full && s.waiting.length > idleTurns) {
    const stream = s.waiting.shift() as Stream;
    const isSending = takeTurn(s, stream);
    if (hasWork(stream)) {
      s.waiting.push(stream);
      // A whole round in which nobody could send ends it: all wait for credit or for a place to fragment.
      idleTurns = isSending ? 0 : idleTurns + 1;
    } else {
      stream.waiting = false;
      stream.deficit = 0;
      s.role.rested?.(s, stream);
    }
  }
}

/**
 * Surplus round robin: a turn may overdraw by one frame, and pays it back in the next round.
 * @returns whether it sent, or has still to pay.
 */
function takeTurn(s: State, stream: Stream): boolean {
  stream.deficit += TURN_BYTES;
  let isSending = stream.deficit <= 0;
  while (stream.deficit > 0) {
    const bytes = sendNext(s, stream);
    if (bytes === 0) {
      stream.deficit = Math.min(stream.deficit, TURN_BYTES);
      break;
    }
    stream.deficit -= bytes;
    isSending = true;
  }
  return isSending;
}
