import { utf8Length } from "../codec/text.js";
import type { Payload } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { canSend, fits, hasWork, markWaiting, transmit } from "./outbox.js";
import type { RouterState, RouterStream } from "./router-state.js";
import { commit, number, sendCtrl as sendPlainCtrl, sendControl } from "./sender.js";
import { starve } from "./starving.js";
import type { OutItem } from "./state.js";

/** The most text that one merged partial holds, in bytes (A8.3). */
const MERGE_BYTES = 65_536;

const MORE: readonly string[] = ["MORE"];
const ACCEPT: readonly string[] = ["SYN", "ACK"];

/** Sends a numbered message. It is never the stream's last one: its end says so (A5.3). */
export function sendMessage(
  s: RouterState,
  stream: RouterStream,
  payload: Payload,
  mergeKey: string | undefined,
): void {
  sendItem(s, stream, { flags: MORE, payload, mergeKey });
}

/** Sends a control payload (CTRL) on a stream. */
export function sendCtrl(s: RouterState, stream: RouterStream, payload: Payload): void {
  // Not replayed, but repeated as it stands after a resume (A5.2).
  if (s.capabilities.resume && (payload.type === payloadTypes.plan || payload.type === payloadTypes.windowUpdate)) {
    stream.latest ??= new Map();
    stream.latest.set(payload.type, payload);
  }
  sendPlainCtrl(s, stream, payload);
}

/** Sends what `control.accept` says; once more after a resume that had seen nothing (A5.2). */
export function sendAccept(s: RouterState, stream: RouterStream): void {
  if (stream.accept !== null) sendControl(s, stream, ACCEPT, stream.accept, { ack: stream.first });
}

/** Sends a numbered item: at once when nothing is in its way, else when its turn comes. */
export function sendItem(s: RouterState, stream: RouterStream, item: OutItem): void {
  if (stream.unfed) {
    // Without credit for so long that it counts as detached (A8.3).
    keepItem(s, stream, item);
    return;
  }
  if (s.phase === "idle") {
    // Detached: numbered into the replay buffer, where there is one (A9.2).
    if (s.capabilities.resume) keepItem(s, stream, item);
    return;
  }
  if (canSend(s) && !s.full && !stream.full && !hasWork(stream) && !starves(s, stream, item)) {
    const entry = number(s, stream, item);
    if (entry === null) return;
    if (entry.parts.length === 1 && fits(s, entry.bytes)) {
      commit(s, stream, entry);
      transmit(s, entry.parts[0] as string, entry.bytes);
      stream.sentSeq = entry.seq;
      return;
    }
  }
  enqueue(stream, item);
  markWaiting(s, stream);
}

function keepItem(s: RouterState, stream: RouterStream, item: OutItem): void {
  const entry = number(s, stream, item);
  if (entry !== null) commit(s, stream, entry);
}

/** Numbers all that waits into the replay buffer: the stream counts as detached (A8.3, A9.2). */
export function numberQueue(s: RouterState, stream: RouterStream): void {
  const queue = stream.queue;
  stream.queue = [];
  for (const item of queue) keepItem(s, stream, item);
}

/** Whether the next message must wait for credit: ends need none; messages start while both totals are below it (A8.1). */
export function starves(s: RouterState, stream: RouterStream, item: OutItem): boolean {
  if (!s.capabilities.credit || item.end === true || hasCredit(stream)) return false;
  starve(s, stream);
  return true;
}

/** Whether a message may start: both totals are below the credit (A8.1). */
export function hasCredit({ credit, outSeq, first, usedBytes }: RouterStream): boolean {
  return credit === null || (outSeq - first < credit.messages && usedBytes < credit.bytes);
}

/**
 * Appends an item, or joins its text to the one that waits with the same key: one for each adapter's slot. Only pieces of other slots are
 * stepped over, since between slots there is no order.
 */
function enqueue(stream: RouterStream, item: OutItem): void {
  const { queue } = stream;
  if (item.mergeKey !== undefined) {
    for (let i = queue.length - 1; i >= 0 && queue[i]?.mergeKey !== undefined; i--) {
      const before = queue[i] as OutItem;
      if (before.mergeKey !== item.mergeKey) continue;
      const merged = merge(before, item);
      if (merged === null) break;
      queue[i] = merged;
      return;
    }
  }
  queue.push({ ...item, textBytes: textBytesOf(item) });
}

/** Bytes of text that an item holds, or about those of whatever else it holds. */
function textBytesOf({ payload }: OutItem): number {
  const { text } = (payload?.content ?? {}) as { readonly text?: unknown };
  if (typeof text === "string") return utf8Length(text);
  return payload === undefined ? 0 : utf8Length(JSON.stringify(payload.content) ?? "");
}

function merge(last: OutItem, item: OutItem): OutItem | null {
  const before = last.payload?.content as { readonly text?: unknown; readonly chunk?: unknown } | undefined;
  const after = item.payload?.content as { readonly text?: unknown } | undefined;
  if (typeof before?.text !== "string" || typeof after?.text !== "string" || item.payload === undefined) return null;
  const textBytes = (last.textBytes ?? utf8Length(before.text)) + utf8Length(after.text);
  if (textBytes > MERGE_BYTES) return null;
  const content = { ...after, chunk: before.chunk, text: before.text + after.text };
  return { ...item, payload: { ...item.payload, content }, textBytes };
}
