import {
  createEndpoint,
  decodeFrame,
  defaultLimits,
  type EndpointEffect,
  encodeFrame,
  type Frame,
  type Role,
  utf8Length,
  type WireLimits,
} from "../../../src/index.js";
import {
  canonicalJson,
  createNonceMemory,
  readNonce,
  sealFrame,
  signedText,
  verifyFrame,
  webDigest,
} from "../../../src/integrity/index.js";
import { contentOn } from "../../../src/schema/published.js";
import type { Answer, Request } from "./protocol.js";

/** Operations on data of the TypeScript testee; each is one call of the package. */
export const codecOps: Readonly<Record<string, (request: Request) => Promise<Answer> | Answer>> = {
  decode,
  content,
  canonical,
  seal,
  verify,
  join,
  split,
};

const textOf = (request: Request): string => String(request["text"]);
const limitsOf = (request: Request): WireLimits => ({ ...defaultLimits, ...(request["limits"] as object) });
const parse = (request: Request): Frame => JSON.parse(textOf(request)) as Frame;
const keyOf = (request: Request): Uint8Array | undefined =>
  typeof request["key"] === "string" ? Buffer.from(request["key"], "base64") : undefined;

function decode(request: Request): Answer {
  const decoded = decodeFrame(textOf(request), limitsOf(request));
  if (decoded.ok) return { frame: decoded.frame };
  const { code, details } = decoded.refusal;
  return { refused: details === undefined ? { code } : { code, details: details as never } };
}

const kinds: Readonly<Record<string, string>> = {
  syn: "syn",
  message: "message.router",
  end: "end.router",
  control: "control.client",
};

function content(request: Request): Answer {
  const payload = JSON.parse(textOf(request)) as { type: string; content: unknown };
  const schema = contentOn(kinds[String(request["on"])] ?? "", payload.type);
  if (schema === undefined) return { error: `no content of the type ${payload.type}` };
  return schema.safeParse(payload.content).success ? {} : { refused: { code: "EPROTO" } };
}

function canonical(request: Request): Answer {
  return { canonical: request["signed"] === true ? signedText(parse(request)) : canonicalJson(parse(request)) };
}

async function seal(request: Request): Promise<Answer> {
  const key = keyOf(request);
  const { checksum, sig } = await sealFrame(parse(request), {
    digest: webDigest(),
    ...(key === undefined ? {} : { key }),
  });
  return { checksum, sig };
}

async function verify(request: Request): Promise<Answer> {
  const store = createNonceMemory();
  const nowMs = Number(request["now_ms"]);
  for (const [principal, nonce] of (request["seen"] ?? []) as [string, string][])
    void store.record(principal, nonce, readNonce(nonce, nowMs) ?? nowMs, nowMs);
  const key = keyOf(request);
  const principal = request["principal"];
  const fault = await verifyFrame(parse(request), {
    digest: webDigest(),
    nowMs,
    ...(key === undefined ? {} : { key }),
    ...(typeof principal === "string" ? { nonces: { store, principal } } : {}),
  });
  return fault === null ? {} : { refused: { code: "ESEC", details: { fault } } };
}

const grant = {
  epoch: "e1",
  server: { name: "testee", version: "1" },
  levels: [1],
  lease: { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 },
  principal: { tenant: "default", sub: "anonymous" },
};
const hello = { client: { name: "testee", version: "1" }, capabilities: ["fragments"] };

function endpointOf(role: Role, limits: WireLimits): (event: object) => readonly EndpointEffect[] {
  const endpoint = createEndpoint({
    role,
    limits,
    capabilities: ["fragments"],
    encode: encodeFrame,
    sizeOf: (data) => utf8Length(data as string),
    ...(role === "client" ? { hello: { sessionId: "s1", content: hello } } : {}),
  });
  return (event) => endpoint.step({ at: 0, ...event } as never);
}

/** Fragments of one input message, as a router takes them on the open stream `q1`. */
function join(request: Request): Answer {
  const step = endpointOf("router", limitsOf(request));
  const receive = (frame: object): readonly EndpointEffect[] => {
    const text = JSON.stringify({ v: 1, session_id: "s1", ...frame });
    const decoded = decodeFrame(text, defaultLimits);
    return decoded.ok
      ? step({ t: "socket.frame", frame: decoded.frame, bytes: utf8Length(text) })
      : step({ t: "socket.refused", refusal: decoded.refusal, bytes: utf8Length(text) });
  };
  step({ t: "socket.opened", subprotocol: "atp.v1+json" });
  receive({ stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload: { type: "control.hello", content: hello } });
  step({ t: "hello.granted", grant });
  receive({
    stream_id: "q1",
    msg_seq: 1,
    flags: ["SYN"],
    payload: { type: "agent.request", content: { prompt: "x" } },
  });
  for (const text of request["frames"] as string[]) {
    for (const effect of receive(JSON.parse(text) as object)) {
      if (effect.t === "violation") return { refused: { code: effect.error.code } };
      if (effect.t === "stream.message") return { payload: effect.frame.payload };
    }
  }
  return { refused: { code: "EPROTO", details: { fault: "the message never became whole" } } };
}

/** The frames that a client sends for a SYN with this prompt. */
function split(request: Request): Answer {
  const step = endpointOf("client", limitsOf(request));
  step({ t: "socket.opened", subprotocol: "atp.v1+json" });
  const content = { ...grant, capabilities: ["fragments"], limits: limitsOf(request) };
  const payload = { type: "control.welcome", content };
  const frame = { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
  step({ t: "socket.frame", frame, bytes: 1 });
  const effects = step({
    t: "stream.open",
    sessionId: "s1",
    streamId: "q1",
    meta: { task_type: "qa" },
    payload: { type: "agent.request", content: { prompt: request["prompt"] } },
  });
  return { frames: effects.flatMap((effect) => (effect.t === "transmit" ? [effect.data] : [])) };
}
