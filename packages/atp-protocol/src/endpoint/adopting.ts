import { endStream } from "./ending.js";
import { routerError } from "./router-error.js";
import { createRouterStream, type RouterState as State } from "./router-state.js";
import { type OutEntry, sharedCapabilities } from "./state.js";
import { arm } from "./timer.js";
import type { KeptMessage, LostStream } from "./types.js";

/** What frames of an adopted stream carry: its SYN is not known any more. */
const TTL = 7;

/** Router: a new endpoint takes over a session whose router is lost: its streams are at their end, one way or the other (A9.3). */
export function adopt(s: State, sessionId: string, announced: readonly string[], streams: readonly LostStream[]): void {
  if (s.phase !== "idle" || s.streams.size > 0) return;
  s.sessionId = sessionId;
  s.capabilities = { ...sharedCapabilities(s, announced), resume: true };
  s.detachedAt = s.at;
  arm(s, s.at + s.limits.retention_ms);
  for (const { streamId, lastSeq, kept } of streams) {
    const entries = contiguous(kept, lastSeq).map((message) => entryOf(s, message));
    const first = Math.max(1, lastSeq);
    const stream = createRouterStream(sessionId, streamId, first, TTL);
    stream.opened = true;
    stream.outSeq = entries.at(-1)?.seq ?? first;
    stream.kept = entries;
    stream.keptBytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    s.streams.set(stream.ref, stream);
    if (entries.at(-1)?.end === true) {
      stream.ended = true;
      stream.endedAt = s.at;
      continue;
    }
    s.open++;
    stream.error = routerError("EAGENTDOWN", "A9.3", "the router that ran this stream is lost: ask again", {}, "maybe");
    endStream(s, stream, "RST", undefined, undefined);
  }
}

/** What was kept without a hole: before one, the reader can only be told of a gap. */
function contiguous(kept: readonly KeptMessage[], lastSeq: number): readonly KeptMessage[] {
  const sorted = kept.filter((message) => message.seq > lastSeq);
  let from = sorted.length;
  while (from > 0 && (from === sorted.length || sorted[from - 1]?.seq === (sorted[from]?.seq ?? 0) - 1)) from--;
  return sorted.slice(from);
}

function entryOf(s: State, { seq, parts, end }: KeptMessage): OutEntry {
  return { seq, parts, end, bytes: parts.reduce((sum, part) => sum + s.config.sizeOf(part), 0) };
}
