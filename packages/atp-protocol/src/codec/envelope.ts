import type { FrameRefusal } from "../endpoint/types.js";
import { WIRE_VERSION } from "../frame/frame.js";
import { ACK, CTRL, FIN, flagBits, isLegalMix, RST, SYN, takesNumber } from "./flags.js";

type Bag = Readonly<Record<string, unknown>>;
type Test = (value: unknown) => boolean;
type Shape = ReadonlyMap<string, Test>;

/** The largest number of a SYN, so that answers stay safe integers (A5.1). */
const MAX_SYN_SEQ = 2 ** 31;

const idPattern = /^[A-Za-z0-9._:-]{1,128}$/;

const isString = (value: unknown): value is string => typeof value === "string";

/** An integer of the wire: 0 to 2^53-1 (A3.1). */
export function isUint(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A JSON object: no array, not null. */
export function isObject(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A session or stream id (A3). */
export function isId(value: unknown): value is string {
  return isString(value) && (value === lastId || value === lastButOne || isNewId(value));
}

/** Ids come again and again: those of the newest frame need no second look. */
let lastId = "0";
let lastButOne = lastId;

function isNewId(id: string): boolean {
  if (!idPattern.test(id)) return false;
  lastButOne = lastId;
  lastId = id;
  return true;
}

/** An array of strings only. */
export function isStrings(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  // A loop: four hundred flags by a callback each take as long as all else.
  for (let i = 0; i < value.length; i++) if (!isString(value[i])) return false;
  return true;
}

const shapeOf = (tests: Readonly<Record<string, Test>>): Shape => new Map(Object.entries(tests));

/** The first member that fails its test. Unknown members pass. The object's own members are walked: it has few of those it may have. */
function firstWrong(bag: Bag, shape: Shape): string | undefined {
  for (const name in bag) if (shape.get(name)?.(bag[name]) === false) return name;
  return undefined;
}

/** A test for an object whose members pass theirs; those named in `required` must be there. */
function holding(tests: Readonly<Record<string, Test>>, required: readonly string[] = []): Test {
  const shape = shapeOf(tests);
  return (value) =>
    isObject(value) && required.every((name) => value[name] !== undefined) && firstWrong(value, shape) === undefined;
}

/** The same, all members required. */
const holdingAll = (tests: Readonly<Record<string, Test>>): Test => holding(tests, Object.keys(tests));

const oneOf = (names: string): Test => {
  const all = names.split(" ");
  return (value) => all.includes(value as string);
};

/** Absolute ceilings: uints, each optional (A3, row `window`). */
export const isWindow = holding({ max_parallel: isUint, max_tokens: isUint, max_usd_micros: isUint });

/** Absolute totals of messages and bytes (A8.1). */
export const isCredit = holdingAll({ messages: isUint, bytes: isUint });

/** Members that a frame may have, and the rule that each breaks. */
const frameShape = shapeOf({
  frag_seq: isUint,
  qos: oneOf("gold silver bronze"),
  ttl: (value) => isUint(value) && value < 256,
  window: isWindow,
  meta: isObject,
  payload: isObject,
  ack: isUint,
  credit: isCredit,
  telemetry: holdingAll({ tokens: isUint, usd: isUint, latency_ms: isUint }),
  checksum: isString,
  sig: isString,
  nonce: isString,
});
/** The rule of a member's row, where that is not A3.1, the rule of numbers. */
const ruleOf = (member: string): string =>
  /^(qos|meta|payload)$/.test(member)
    ? "A3"
    : member === "telemetry"
      ? "A11"
      : /^(checksum|sig|nonce)$/.test(member)
        ? "A10"
        : "A3.1";

const metaShape = shapeOf({
  task_type: isString,
  tool_permissions: isStrings,
  data_scope: isStrings,
  languages: isStrings,
  risk: isString,
  environment_id: isString,
  security_groups: isStrings,
  trace: holding({ traceparent: isString, tracestate: isString }),
  deadline_ms: isUint,
  idempotency_key: isString,
  on_disconnect: oneOf("continue cancel"),
  memory: holding({ namespace: isString, read: isStrings, write: (value) => isString(value) || isStrings(value) }, [
    "namespace",
  ]),
  strategy: oneOf("single race cascade quorum fanout clones auto"),
});

const payloadShape = shapeOf({
  confidence: (value) => (value as number) >= 0 && (value as number) <= 1 && typeof value === "number",
  expiry_ms: isUint,
  checksum: isString,
});

/** The first member of `payload` that has the wrong type, if any. `content` belongs to its type's schema. */
export function wrongPayload(payload: Bag): string | undefined {
  return isString(payload["type"]) ? firstWrong(payload, payloadShape) : "type";
}

/** A refusal with what can still be read of the frame's address, so that the answer finds its stream (A3.6). */
export function refuse(
  frame: unknown,
  rule: string,
  message: string,
  details?: Readonly<Record<string, unknown>>,
  code: FrameRefusal["code"] = "EPROTO",
): FrameRefusal {
  const { session_id, stream_id, msg_seq, flags } = isObject(frame) ? frame : ({} as Bag);
  return {
    code,
    message,
    rule,
    details,
    sessionId: isId(session_id) ? session_id : undefined,
    streamId: isId(stream_id) ? stream_id : undefined,
    msgSeq: isUint(msg_seq) && msg_seq > 0 ? msg_seq : undefined,
    flags: isStrings(flags) ? flags : undefined,
  };
}

/** Checks types, ranges and the mix of flags of a parsed frame (A3, A3.1, A3.7); null when all hold. Unknown members are ignored. */
export function checkEnvelope(frame: unknown): FrameRefusal | null {
  const wrong = (rule: string, name: string): FrameRefusal => refuse(frame, rule, `${name} has a wrong type or range`);
  if (!isObject(frame)) return refuse(null, "A3", "a frame is a JSON object");
  if (frame["v"] !== WIRE_VERSION) return refuse(frame, "A3", "v must be 1", { supported: [WIRE_VERSION] });
  const { session_id, stream_id, msg_seq, flags, payload, meta } = frame;
  if (!isId(session_id)) return wrong("A3", "session_id");
  if (!isId(stream_id)) return wrong("A3", "stream_id");
  if (!isUint(msg_seq) || msg_seq === 0) return wrong("A3.1", "msg_seq");
  if (!isStrings(flags)) return wrong("A3", "flags");
  const member = firstWrong(frame, frameShape);
  if (member !== undefined) return wrong(ruleOf(member), member);
  const bits = flagBits(flags);
  if (!isLegalMix(bits)) return refuse(frame, "A3.7", "flags do not go together");
  if (payload !== undefined) {
    const name = wrongPayload(payload as Bag);
    if (name !== undefined) return wrong("A4", `payload.${name}`);
  } else if ((bits & (ACK | FIN | RST)) === 0 && (takesNumber(bits) || (bits & CTRL) !== 0))
    return refuse(frame, "A4", "this frame needs a payload");
  if (meta !== undefined) {
    const name = firstWrong(meta as Bag, metaShape);
    if (name !== undefined) return wrong("A3", `meta.${name}`);
  }
  return (bits & (SYN | ACK)) === SYN && msg_seq > MAX_SYN_SEQ ? wrong("A5.1", "a SYN's msg_seq") : null;
}
