import { seedSyn } from "./seed.js";

/** The most bytes of a bad frame. */
export const BAD_BYTES = 4_096;

/** A frame that must be refused. */
export interface BadFrame {
  readonly kind: string;
  readonly text: string;
}

type Members = Readonly<Record<string, unknown>>;

const content = { prompt: "" };
const payload = { type: "agent.request", content };

/** A frame with these members wrong, its prompt as long as the bound lets it be. */
function padded(members: Members): string {
  const wrong = { ...seedSyn, payload, ...members };
  const room = BAD_BYTES - Buffer.byteLength(JSON.stringify(wrong));
  const prompt = "lorem ipsum dolor sit amet ".repeat(200).slice(0, Math.max(0, room));
  const filled = wrong.payload === payload ? { ...wrong, payload: { ...payload, content: { prompt } } } : wrong;
  return JSON.stringify(filled);
}

/** The same with a text put into its prompt, at its end, as it stands. */
function withinPrompt(raw: string): string {
  const text = padded({});
  const end = text.lastIndexOf('"}}');
  return `${text.slice(0, end - raw.length)}${raw}${text.slice(end)}`;
}

/** The same with a member after its prompt. */
function afterPrompt(member: string): string {
  const text = padded({});
  const end = text.lastIndexOf('"}}');
  return `${text.slice(0, end - member.length - 1)}",${member}${text.slice(end + 1)}`;
}

const nested = (open: string, inner: string, close: string, depth: number): string =>
  open.repeat(depth) + inner + close.repeat(depth);

/** A frame with a raw value for its content. */
const withContent = (raw: string): string =>
  JSON.stringify({ ...seedSyn, payload: { ...payload, content: "@" } }).replace('"@"', raw);

const many = (entry: string, count: number): string => `[${Array.from({ length: count }, () => entry).join(",")}]`;

const members: Readonly<Record<string, Members>> = {
  "A3 v": { v: 2 },
  "A3 session_id": { session_id: "a b" },
  "A3 stream_id": { stream_id: "x".repeat(129) },
  "A3 flags": { flags: ["SYN", 7] },
  "A3 qos": { qos: "platinum" },
  "A3 meta.deadline_ms": { meta: { deadline_ms: -1 } },
  "A3 meta.tool_permissions": { meta: { tool_permissions: [...Array<string>(300).fill("read"), 1] } },
  "A3 meta.strategy": { meta: { strategy: "all" } },
  "A3 payload": { payload: [] },
  "A3.1 msg_seq 0": { msg_seq: 0 },
  "A3.1 msg_seq fraction": { msg_seq: 1.5 },
  "A3.1 msg_seq huge": { msg_seq: 2 ** 60 },
  "A3.1 frag_seq": { frag_seq: "0" },
  "A3.1 ttl": { ttl: 256 },
  "A3.1 window": { window: { max_tokens: 1e300 } },
  "A3.1 credit": { credit: { messages: 1 } },
  "A3.7 mix": { flags: ["SYN", "RST"] },
  "A3.7 many flags": { flags: Array<string>(400).fill("ACK").concat("SYN", "RST") },
  "A4 type": { payload: { ...payload, type: 4 } },
  "A4 confidence": { payload: { ...payload, confidence: 1.5 } },
  "A5.1 SYN's number": { msg_seq: 2 ** 32 },
  "A10 sig": { sig: 1 },
  "A11 telemetry": { telemetry: { tokens: 1 } },
};

/** Bad frames that are little else than structure: what refusing them takes is what JSON.parse takes, so they are told, not aimed at. */
export function structuredFrames(): readonly BadFrame[] {
  const objects = many('{"a":1}', 430).slice(1, -1);
  return [
    { kind: "A3.3 __proto__ after 430 objects", text: withContent(`[${objects},{"__proto__":{}}]`) },
    { kind: "A3.3 half a pair after 430 objects", text: withContent(`[${objects},{"\\udc00":1}]`) },
  ];
}

/** One bad frame of each kind, most of them as long as the bound lets them be. The first word is the rule. */
export function badFrames(): readonly BadFrame[] {
  const texts: Readonly<Record<string, string>> = {
    "A3 not JSON": "x".repeat(BAD_BYTES),
    "A3 cut JSON": padded({}).slice(0, -2),
    "A3 an array": many("[]", 1_300),
    "A3 a number": "1".repeat(BAD_BYTES),
    "A3 a string": JSON.stringify("x".repeat(BAD_BYTES - 2)),
    "A3.3 nested arrays": withContent(nested("[", "", "]", 1_850)),
    "A3.3 nested objects": withContent(nested('{"a":', "1", "}", 610)),
    "A3.3 deep at the end": withContent(`[${many("[]", 1_100).slice(1, -1)},${nested("[", "", "]", 70)}]`),
    "A3.3 __proto__": afterPrompt('"__proto__":{}'),
    "A3.3 __proto__ in escapes": afterPrompt('"\\u005f_proto__":{}'),
    "A3.3 constructor": padded({ meta: { constructor: { a: 1 } } }),
    "A3.3 lone surrogate": withinPrompt("\\ud800"),
    "A3.3 lone surrogate in a key": afterPrompt('"\\udc00":1'),
    "A3.4 too big": padded({}).replace("lorem", "lorem "),
    ...Object.fromEntries(Object.entries(members).map(([kind, wrong]) => [kind, padded(wrong)])),
  };
  return Object.entries(texts).map(([kind, text]) => ({ kind, text }));
}
