import { Failure } from "./result.js";

interface Fragment {
  readonly msg_seq?: unknown;
  readonly frag_seq?: unknown;
  readonly flags?: unknown;
  readonly meta?: unknown;
  readonly payload?: { readonly type?: unknown; readonly content?: unknown };
  readonly [member: string]: unknown;
}

/** Members that each fragment has; all others of a message go on fragment 0 (A6-7). */
const EVERY = new Set(["v", "session_id", "stream_id", "msg_seq", "frag_seq", "flags", "payload", "telemetry"]);

/** Checks what a sender made of a SYN with a long prompt (A6). `frames`: texts as they would travel. */
export function checkSplit(
  frames: unknown,
  prompt: string,
  limits: Readonly<Record<string, number>>,
  count?: number,
): void {
  if (!Array.isArray(frames) || frames.length === 0) throw new Failure("nothing was sent", "A6-4");
  const texts = frames.map(String);
  if (count !== undefined && texts.length !== count) throw new Failure(`${texts.length} frames, not ${count}`);
  for (const text of texts) {
    const bytes = Buffer.byteLength(text);
    if (bytes > (limits["max_frame_bytes"] ?? Infinity)) throw new Failure(`a fragment of ${bytes} bytes`, "A3.3-1");
  }
  const parts = texts.map((text) => JSON.parse(text) as Fragment);
  if (parts.length === 1) return checkPrompt(parts[0]?.payload, prompt);
  const data = parts.map((part, index) => checkFragment(part, index, parts)).join("");
  const last = parts.at(-1)?.payload?.content as { end?: { count?: unknown; bytes?: unknown; flags?: unknown } };
  if (last.end?.count !== parts.length) throw new Failure("end.count is not the number of fragments", "A6-6");
  if (last.end.bytes !== Buffer.byteLength(data)) throw new Failure("end.bytes does not count the joined data", "A6-6");
  if (!Array.isArray(last.end.flags) || !last.end.flags.includes("SYN"))
    throw new Failure("end.flags are not the message's own", "A6-6");
  checkPrompt(JSON.parse(data), prompt);
}

function checkFragment(part: Fragment, index: number, parts: readonly Fragment[]): string {
  const flags = Array.isArray(part.flags) ? part.flags : [];
  if (part.payload?.type !== "atp.fragment") throw new Failure("a fragment has another payload type", "A6-4");
  if (part.msg_seq !== parts[0]?.msg_seq) throw new Failure("fragments of one message differ in msg_seq", "A6-4");
  if ((part.frag_seq ?? 0) !== index)
    throw new Failure(`fragment ${index} has frag_seq ${String(part.frag_seq)}`, "A6-4");
  if ((index === 0) !== flags.includes("SYN")) throw new Failure("SYN stands on fragment 0 only", "A6-8");
  if (index < parts.length - 1 !== flags.includes("MORE"))
    throw new Failure("MORE stands on all fragments but the last", "A6-4");
  const extra = index === 0 ? undefined : Object.keys(part).find((key) => !EVERY.has(key));
  if (extra !== undefined) throw new Failure(`fragment ${index} carries ${extra}`, "A6-7");
  if (index === 0 && part.meta === undefined) throw new Failure("the message's meta is not on fragment 0", "A6-7");
  const { data } = part.payload.content as { data?: unknown };
  if (typeof data !== "string" || (data === "" && index < parts.length - 1))
    throw new Failure("a fragment is empty", "A6-14");
  if (!data.isWellFormed()) throw new Failure("the data were not cut at a code point", "A6-5");
  return data;
}

function checkPrompt(payload: unknown, prompt: string): void {
  const content = (payload as { content?: { prompt?: unknown } } | undefined)?.content;
  if (content?.prompt !== prompt) throw new Failure("the joined data are not the message's payload", "A6-5");
}
