import type { OutEntry, State, Stream } from "./state.js";

/** Whether sent messages are kept for a resume. A client keeps them before welcome too: it may yet announce `resume`. */
export function keepsMessages(s: State): boolean {
  if (s.capabilities.resume) return true;
  return (
    !s.router && !s.naive && (s.phase === "greeting" || s.phase === "idle") && s.config.capabilities.includes("resume")
  );
}

/** Keeps a message as encoded, so that a replay is byte-identical; over the bound the oldest go, ends never (A9.2). */
export function keep(s: State, stream: Stream, entry: OutEntry): void {
  stream.kept.push(entry);
  stream.keptBytes += entry.bytes;
  if (!s.router) return;
  while (stream.keptBytes > s.limits.retention_bytes && stream.kept.length > 1) {
    const oldest = stream.kept[0] as OutEntry;
    // What the socket is in the middle of taking cannot go.
    if (oldest.end || (oldest.seq === stream.sentSeq + 1 && stream.sentParts > 0)) return;
    stream.kept.shift();
    stream.keptBytes -= oldest.bytes;
    if (oldest.seq > stream.sentSeq) stream.lost = true;
  }
}

/** The oldest numbered message that the socket has not taken whole; kept messages are contiguous. */
export function nextKept(stream: Stream): OutEntry | undefined {
  const oldest = stream.kept[0];
  return oldest === undefined ? undefined : stream.kept[Math.max(0, stream.sentSeq + 1 - oldest.seq)];
}

/** The peer has every message up to `seq`: they need not be kept (A9.2). */
export function onAck(stream: Stream, seq: number): void {
  if (seq <= stream.peerAck || seq > stream.sentSeq) return;
  stream.peerAck = seq;
  let count = 0;
  for (; count < stream.kept.length; count++) {
    const entry = stream.kept[count] as OutEntry;
    if (entry.seq > seq) break;
    stream.keptBytes -= entry.bytes;
  }
  if (count > 0) stream.kept.splice(0, count);
}
