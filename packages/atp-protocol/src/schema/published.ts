import * as z from "zod";
import { payloadTypes } from "../frame/payload.js";
import { credit, id, meta, qos, share, uint, window } from "./basics.js";
import * as requests from "./requests.js";
import * as results from "./results.js";

/** The content of each payload type, for documents that are generated from it. */
export const contents: Readonly<Record<string, z.ZodType>> = {
  [payloadTypes.request]: requests.requestContent,
  [payloadTypes.input]: requests.inputContent,
  [payloadTypes.feedback]: requests.feedbackContent,
  [payloadTypes.hello]: requests.helloContent,
  [payloadTypes.auth]: requests.authContent,
  [payloadTypes.windowUpdate]: requests.windowUpdateContent,
  [payloadTypes.cancel]: requests.cancelContent,
  [payloadTypes.detach]: requests.detachContent,
  [payloadTypes.partial]: results.partialContent,
  [payloadTypes.provisional]: results.finalContent,
  [payloadTypes.final]: results.finalContent,
  [payloadTypes.question]: results.questionContent,
  [payloadTypes.log]: results.logContent,
  [payloadTypes.welcome]: results.welcomeContent,
  [payloadTypes.accept]: results.acceptContent,
  [payloadTypes.resumed]: results.resumedContent,
  [payloadTypes.detached]: results.detachedContent,
  [payloadTypes.plan]: results.planContent,
  [payloadTypes.status]: results.statusContent,
  [payloadTypes.error]: results.errorContent,
  [payloadTypes.fragment]: results.fragmentContent,
};

/** One kind of frame (A3.7): who sends it, its flags beside `OPT`, what it may carry, and which members belong to it. */
export interface FrameKind {
  readonly from: "client" | "router" | "both";
  readonly flags: readonly (readonly string[])[];
  readonly payloads: readonly string[];
  /** Whether a frame of this kind may go without a payload. */
  readonly bare?: boolean;
  readonly members?: Readonly<Record<string, z.ZodType>>;
}

const t = payloadTypes;
const synMembers = { qos, window, meta, credit };
const end = { telemetry: results.telemetry };

/** Every kind of frame. */
export const kinds: Readonly<Record<string, FrameKind>> = {
  syn: {
    from: "client",
    flags: [["SYN"], ["SYN", "FIN"], ["SYN", "MORE"]],
    // The seed writes a request as a partial with a prompt (A4).
    payloads: [t.request, t.partial, t.fragment],
    members: synMembers,
  },
  accept: { from: "router", flags: [["SYN", "ACK"]], payloads: [t.accept] },
  ack: { from: "both", flags: [["ACK"]], payloads: [], bare: true, members: { credit } },
  heartbeat: { from: "both", flags: [["HB"]], payloads: [], bare: true },
  "control.client": {
    from: "client",
    flags: [["CTRL"]],
    payloads: [t.hello, t.auth, t.windowUpdate, t.detach],
    members: { window },
  },
  "control.router": {
    from: "router",
    flags: [["CTRL"]],
    payloads: [t.welcome, t.resumed, t.detached, t.plan, t.status, t.windowUpdate, t.auth, t.error],
    members: { window },
  },
  "message.client": { from: "client", flags: [[], ["MORE"]], payloads: [t.input, t.feedback, t.fragment] },
  "message.router": {
    from: "router",
    flags: [["MORE"], []],
    payloads: [t.partial, t.provisional, t.question, t.log, t.fragment],
    members: end,
  },
  "end.client": { from: "client", flags: [["FIN"]], payloads: [t.input], bare: true },
  cancel: { from: "client", flags: [["RST"]], payloads: [t.cancel], bare: true },
  "end.router": { from: "router", flags: [["FIN"]], payloads: [t.final], members: end },
  reset: { from: "router", flags: [["RST"]], payloads: [t.error], members: end },
};

/** Members that every frame may have. */
export const commonMembers = {
  v: z.literal(1),
  session_id: id,
  stream_id: id,
  msg_seq: uint.min(1),
  frag_seq: uint.optional(),
  ttl: uint.max(255).optional(),
  ack: uint.optional(),
  checksum: z.string().optional(),
  sig: z.string().optional(),
  nonce: z.string().optional(),
};

/** Members that every payload may have beside `type` and `content`. */
export const payloadMembers = {
  confidence: share.optional(),
  cost_est: z.unknown().optional(),
  expiry_ms: uint.optional(),
  checksum: z.string().optional(),
};

/** The content that a payload type has on a SYN: there a partial carries a request. */
export function contentOn(kind: string, type: string): z.ZodType | undefined {
  return kind === "syn" && type === t.partial ? requests.requestContent : contents[type];
}

export const toJsonSchema: typeof z.toJSONSchema = z.toJSONSchema;
