import { STALL_MS } from "./outbox.js";
import type { RouterState as State, RouterStream as Stream } from "./router-state.js";
import { arm } from "./timer.js";

/** The stream has something to send and no credit for it. */
export function starve(s: State, stream: Stream): void {
  if (stream.starvedAt === null) {
    stream.starvedAt = s.at;
    arm(s, s.at + STALL_MS);
  }
  if (stream.full) return;
  stream.full = true;
  s.fx.push({ t: "outbox.full", stream: stream.ref });
}

/** Nothing of the stream waits any more. */
export function relieve(s: State, stream: Stream): void {
  stream.starvedAt = null;
  if (!stream.full) return;
  stream.full = false;
  s.fx.push({ t: "outbox.room", stream: stream.ref });
}
