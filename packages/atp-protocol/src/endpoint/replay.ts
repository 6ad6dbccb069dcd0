import type { OutEntry, Stream } from "./state.js";

/** The oldest numbered message that the socket has not taken whole; kept messages are contiguous. */
export function nextKept(stream: Stream): OutEntry | undefined {
  const oldest = stream.kept[0];
  return oldest && stream.kept[Math.max(0, stream.sentSeq + 1 - oldest.seq)];
}

/** The peer has every message up to `seq`: they need not be kept (A9.2). */
export function onAck(stream: Stream, seq: number): void {
  if (seq <= stream.peerAck || seq > stream.sentSeq) return;
  stream.peerAck = seq;
  let count = 0;
  for (let entry = stream.kept[0]; entry !== undefined && entry.seq <= seq; entry = stream.kept[++count])
    stream.keptBytes -= entry.bytes;
  stream.kept.splice(0, count);
}
