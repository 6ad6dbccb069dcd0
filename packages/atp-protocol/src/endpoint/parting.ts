import { payloadTypes } from "../frame/payload.js";
import { streamError } from "./ending.js";
import { errorOf } from "./failure.js";
import { sendFrame } from "./outbox.js";
import { remember } from "./past.js";
import { numberQueue } from "./router-sender.js";
import type { RouterState as State, RouterStream as Stream } from "./router-state.js";
import type { Capabilities } from "./state.js";
import { arm } from "./timer.js";
import { issueToken } from "./tokens.js";
import type { StreamParcel } from "./types.js";

/** What a parcel holds; its carrier cannot look inside. */
interface Contents extends StreamParcel {
  readonly capabilities: Capabilities;
  readonly stream: Stream;
}

/** Router: a client lets go of one stream: its host makes a token for the session that the stream becomes (A9.2). */
export function onDetach(s: State, stream: Stream): void {
  if (!s.capabilities.resume || !stream.opened) {
    const why = s.capabilities.resume ? "the whole of its SYN has not come" : "the capability resume is not in force";
    streamError(s, stream, errorOf("EPROTO", "A9.2", `this stream cannot be detached: ${why}`));
  } else if (!stream.cancelled) s.fx.push({ t: "stream.detach", stream: stream.ref });
}

/**
 * Router: the stream leaves this session as it stands, with all that its next reader needs. Without a socket nothing happens: the
 * client has had no answer, and asks again when it resumes.
 */
export function part(s: State, stream: Stream, resumeToken: string, tokenId: string): void {
  if (s.phase !== "open" || stream.ended || stream.cancelled) return;
  stream.unfed = true;
  numberQueue(s, stream);
  sendFrame(s, {
    v: 1,
    session_id: stream.sessionId,
    stream_id: stream.streamId,
    msg_seq: Math.max(stream.sentSeq, stream.first),
    flags: ["CTRL"],
    payload: { type: payloadTypes.detached, content: { resume_token: resumeToken } },
  });
  if (stream.sentParts > 0) s.fragmentsOpen--;
  s.waiting = s.waiting.filter((other) => other !== stream);
  s.streams.delete(stream.ref);
  s.open--;
  remember(s, stream.ref);
  // Its next reader begins as after a drop, and counts its window updates anew (A7.6).
  Object.assign(stream, { unfed: false, full: false, starvedAt: null, waiting: false, deficit: 0, sentParts: 0 });
  Object.assign(stream, { controls: [], reassembly: null, windowNumber: 0 });
  const parcel: Contents = { sessionId: stream.sessionId, capabilities: s.capabilities, stream };
  s.fx.push({ t: "stream.parted", stream: stream.ref, parcel, tokenId });
}

/** Router: a new endpoint becomes the session of a stream that parted from another one: detached, with every rule of one. */
export function restore(s: State, parcel: StreamParcel, tokenId: string): void {
  if (s.phase !== "idle" || s.streams.size > 0) return;
  const { sessionId, capabilities, stream } = parcel as Contents;
  s.sessionId = sessionId;
  s.capabilities = capabilities;
  s.streams.set(stream.ref, stream);
  if (stream.ended) arm(s, stream.endedAt + s.limits.retention_ms);
  else s.open++;
  s.detachedAt = s.at;
  arm(s, s.at + s.limits.retention_ms);
  issueToken(s, undefined, tokenId);
  if (s.config.shared !== true) return;
  for (const message of stream.kept) s.fx.push({ t: "stream.kept", stream: stream.ref, message });
}
