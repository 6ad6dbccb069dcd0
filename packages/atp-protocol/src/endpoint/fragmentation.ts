import { sliceJson } from "../codec/fragments.js";
import { utf8Length } from "../codec/text.js";
import type { Frame } from "../frame/frame.js";
import { joinFragment } from "./reassembly.js";
import type { Fragmentation } from "./role.js";
import type { State } from "./state.js";
import type { Encoded } from "./types.js";

/** Room for what a fragment says beside its first members: `end`, its numbers, its telemetry's punctuation. */
const SPARE_BYTES = 256;

/** The capability `fragments` (A6). */
export const fragmentation: Fragmentation = { split, join: joinFragment };

function split(s: State, frame: Frame): readonly Encoded[] | null {
  const text = JSON.stringify(frame.payload);
  const { payload: _, flags, telemetry, ...first } = frame;
  const { v, session_id, stream_id, msg_seq } = frame;
  const overhead = s.config.sizeOf(
    s.config.encode({ ...frame, payload: { type: "atp.fragment", content: { data: "" } } }),
  );
  const room = s.limits.max_frame_bytes - overhead - SPARE_BYTES;
  const slices = room > 0 ? sliceJson(text, room) : [];
  if (slices.length === 0 || slices.length > s.limits.max_fragments) return null;
  const last = slices.length - 1;
  const end = { count: slices.length, bytes: utf8Length(text), flags };
  return slices.map((data, index) => {
    const part: Frame = {
      ...(index === 0 ? first : { v, session_id, stream_id, msg_seq }),
      frag_seq: index,
      flags: index === last ? [] : index === 0 && flags.includes("SYN") ? ["SYN", "MORE"] : ["MORE"],
      payload: { type: "atp.fragment", content: index < last ? { data } : { data, end } },
      ...(index === last && telemetry !== undefined ? { telemetry } : {}),
    };
    return s.config.encode(part);
  });
}
