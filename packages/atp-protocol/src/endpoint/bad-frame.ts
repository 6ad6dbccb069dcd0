import { ACK, flagBits, RST, SYN, takesNumber } from "../codec/flags.js";
import { streamError } from "./ending.js";
import { connectionError } from "./pausing.js";
import { remember } from "./past.js";
import { countProtocolError, refusalError, refuseSyn } from "./router-failure.js";
import type { RouterState as State } from "./router-state.js";
import { refOf } from "./state.js";
import type { FrameRefusal } from "./types.js";

/** Router: a frame was refused before it came here. It is answered on its stream when that can be told (A3.6). */
export function onBadFrame(s: State, refusal: FrameRefusal): void {
  const error = refusalError(refusal);
  const { sessionId, streamId, msgSeq } = refusal;
  const bits = flagBits(refusal.flags ?? []);
  const isOwn = s.phase !== "greeting" && (s.phase === "opening" || s.naive || sessionId === s.sessionId);
  if (sessionId !== undefined && streamId !== undefined && streamId !== "0" && isOwn) {
    const ref = refOf(sessionId, streamId);
    const stream = s.streams.get(ref);
    if (stream !== undefined && !stream.ended) {
      // Sent again after a resume, an honest message shows its nonce once more, and perhaps late: its number is looked at first (A10).
      if (isNonceFault(refusal) && takesNumber(bits) && (msgSeq ?? Infinity) <= stream.inSeq) return;
      // Its number was read, so it counts as received: the next frame is no gap (A5.4).
      if (msgSeq === stream.inSeq + 1 && refusal.flags !== undefined && takesNumber(bits)) {
        stream.inSeq = msgSeq;
        // To miss a cancel costs money; one whose signature is wrong is nobody's.
        if ((bits & RST) !== 0 && !stream.cancelled && refusal.code !== "ESEC") {
          stream.cancelled = true;
          s.fx.push({ t: "stream.cancelled", stream: ref, reason: error.message });
        }
      }
      streamError(s, stream, error);
    } else if ((bits & (SYN | ACK)) === SYN && s.past?.has(ref) !== true && stream === undefined) {
      remember(s, ref);
      refuseSyn(s, sessionId, streamId, msgSeq === undefined || msgSeq > 2 ** 31 ? 1 : msgSeq + 1, 8, error);
    } else connectionError(s, error, s.naive ? sessionId : undefined);
  } else connectionError(s, error, s.naive || s.phase === "opening" ? sessionId : undefined);
  if (error.code === "EPROTO") countProtocolError(s);
}

function isNonceFault({ code, details }: FrameRefusal): boolean {
  const fault = details?.["fault"];
  return code === "ESEC" && (fault === "nonce_time" || fault === "nonce_seen");
}
