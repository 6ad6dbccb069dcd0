import { relieve } from "./starving.js";
import { settleEnded } from "./ending.js";
import { canSend, CONTROL_BACKLOG, fits, hasWork, PAUSED_BY_BACKLOG, transmit, unpause } from "./outbox.js";
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
  flushControls(s);
  if (!canSend(s)) return;
  let idleTurns = 0;
  while (!s.full && s.waiting.length > idleTurns) {
    const stream = s.waiting.shift() as Stream;
    const sent = takeTurn(s, stream);
    if (hasWork(stream)) {
      s.waiting.push(stream);
      // A whole round in which nobody could send ends it: all wait for credit or for a place to fragment.
      idleTurns = sent > 0 ? 0 : idleTurns + 1;
    } else {
      stream.waiting = false;
      stream.deficit = 0;
      relieve(s, stream);
      if (s.router) settleEnded(s, stream);
    }
  }
}

function flushControls(s: State): void {
  let sent = 0;
  for (; sent < s.controls.length; sent++) {
    const data = s.config.encode(s.controls[sent] as Frame);
    const bytes = s.config.sizeOf(data);
    if (!fits(s, bytes)) break;
    transmit(s, data, bytes);
  }
  if (sent > 0) s.controls.splice(0, sent);
  if (s.controls.length <= CONTROL_BACKLOG) unpause(s, PAUSED_BY_BACKLOG);
}

/** Surplus round robin: a turn may overdraw by one frame, and pays it back in the next round. */
function takeTurn(s: State, stream: Stream): number {
  stream.deficit += TURN_BYTES;
  let total = 0;
  while (stream.deficit > 0) {
    const bytes = sendNext(s, stream);
    if (bytes === 0) {
      if (stream.deficit > TURN_BYTES) stream.deficit = TURN_BYTES;
      break;
    }
    stream.deficit -= bytes;
    total += bytes;
  }
  return total === 0 && stream.deficit <= 0 ? 1 : total;
}
