import type { Answer, Output, Request, Testee } from "../../conformance/src/testee/protocol.js";

/** A frame as a broken peer may bend it. */
export interface Bent {
  msg_seq: number;
  frag_seq?: number;
  stream_id: string;
  session_id: string;
  flags: string[];
  ttl?: number;
  ack?: number;
  payload?: { type: string; content: Record<string, unknown> };
  telemetry?: Record<string, unknown>;
  [member: string]: unknown;
}

/** A testee that breaks one rule, made from one that keeps all. */
export interface BrokenPeer {
  readonly breaks: string;
  /** What a failure of the suite must say. */
  readonly found: RegExp;
  readonly wrap: (testee: Testee) => Testee;
}

/** Bends each frame that leaves; `null` swallows it, a list sends several. */
function bending(
  breaks: string,
  found: RegExp,
  bend: (frame: Bent, memory: Map<string, number>) => Bent | Bent[] | null | undefined,
): BrokenPeer {
  return outputs(breaks, found, (output, memory) => {
    if (!("frame" in output)) return [output];
    const frame = JSON.parse(String(output["frame"])) as Bent;
    const bent = bend(frame, memory);
    if (bent === null) return [];
    const frames = bent === undefined ? [frame] : Array.isArray(bent) ? bent : [bent];
    return frames.map((each) => ({ ...output, frame: JSON.stringify(each) }));
  });
}

/** Bends whatever leaves a session. The memory is new with each session. */
function outputs(
  breaks: string,
  found: RegExp,
  bend: (output: Output, memory: Map<string, number>) => Output[],
): BrokenPeer {
  const wrap = (testee: Testee): Testee => {
    let memory = new Map<string, number>();
    return {
      close: () => testee.close(),
      async ask(request) {
        if (request.op === "start") memory = new Map();
        const answer = await testee.ask(request);
        return answer.out === undefined ? answer : { ...answer, out: answer.out.flatMap((one) => bend(one, memory)) };
      },
    };
  };
  return { breaks, found, wrap };
}

/** Bends requests before the testee sees them, or answers. */
function between(
  breaks: string,
  found: RegExp,
  ask: (request: Request, testee: Testee) => Promise<Answer>,
): BrokenPeer {
  return { breaks, found, wrap: (testee) => ({ ask: (request) => ask(request, testee), close: () => testee.close() }) };
}

const count = (memory: Map<string, number>, key: string): number => {
  const next = (memory.get(key) ?? 0) + 1;
  memory.set(key, next);
  return next;
};
const isPartial = (frame: Bent): boolean => frame.payload?.type === "agent.result.partial";
const isEnd = (frame: Bent): boolean => frame.flags.includes("FIN") || frame.flags.includes("RST");

/** Peers that each break one rule. */
export const brokenPeers: readonly BrokenPeer[] = [
  outputs("a router that leaves a session two sockets", /newest-attachment-wins: .*4409/, (output) =>
    "close" in output && output["close"] === 4409 ? [] : [output],
  ),
  bending("a router that leaves numbers out", /A5\.1-3/, (frame) =>
    isPartial(frame) && frame.msg_seq > 2 ? { ...frame, msg_seq: frame.msg_seq + 1 } : undefined,
  ),
  bending("a router that forgets MORE", /A5\.3-1/, (frame) => (isPartial(frame) ? { ...frame, flags: [] } : undefined)),
  bending("a router that ends a stream twice", /A5\.3-2/, (frame) =>
    frame.flags.includes("FIN") && frame.payload?.type === "agent.result.final"
      ? [frame, { ...frame, msg_seq: frame.msg_seq + 1 }]
      : undefined,
  ),
  bending("a router that never says accept", /A5\.2-4/, (frame) =>
    frame.payload?.type === "control.accept" ? null : undefined,
  ),
  bending("a router that numbers its control frames", /A3\.5-1/, (frame) =>
    frame.payload?.type === "control.plan" ? { ...frame, msg_seq: frame.msg_seq + 1 } : undefined,
  ),
  bending("a router that ends without a bill", /A11-1/, (frame) => {
    if (!isEnd(frame)) return undefined;
    const { telemetry: _, ...rest } = frame;
    return rest;
  }),
  bending("a router that bills in fractions", /A3\.1-1|telemetry/, (frame) =>
    isEnd(frame) && frame.telemetry !== undefined
      ? { ...frame, telemetry: { ...frame.telemetry, usd: 0.5 } }
      : undefined,
  ),
  bending("a router that calls a refusal retryable", /A12-5/, (frame) =>
    frame.payload?.type === "error"
      ? { ...frame, payload: { ...frame.payload, content: { ...frame.payload.content, retry: "same" } } }
      : undefined,
  ),
  bending("a router whose hop count stands still", /A3-9/, (frame) =>
    frame.ttl === undefined ? undefined : { ...frame, ttl: frame.ttl + 1 },
  ),
  bending("a router that answers heartbeats", /core\/heartbeat/, (frame, memory) =>
    frame.flags.includes("HB") && count(memory, "hb") === 1 ? [frame, frame] : undefined,
  ),
  bending("a router that loses a message in a resume", /resume\/live/, (frame, memory) =>
    isPartial(frame) && frame.msg_seq === 3 && count(memory, "3") === 2 ? null : undefined,
  ),
  bending("a router that replays with other bytes", /A8\.1-8/, (frame, memory) =>
    isPartial(frame) && frame.msg_seq === 3 && count(memory, "3") === 2 ? { ...frame, x: 1 } : undefined,
  ),
  bending("a router that repeats its resume token", /A9\.3-4|resume_token/, (frame) =>
    frame.payload?.type === "control.welcome" && frame.payload.content["resume_token"] !== undefined
      ? {
          ...frame,
          payload: { ...frame.payload, content: { ...frame.payload.content, resume_token: "a".repeat(32) } },
        }
      : undefined,
  ),
  bending("a router that hands out tokens nobody asked for", /A2\.2-5|resume_token/, (frame) =>
    frame.payload?.type === "control.welcome"
      ? {
          ...frame,
          payload: { ...frame.payload, content: { resume_token: "t".repeat(24), ...frame.payload.content } },
        }
      : undefined,
  ),
  bending("a router that hides a limit", /A2\.2-2/, (frame) => {
    if (frame.payload?.type !== "control.welcome") return undefined;
    const { max_streams: _, ...limits } = frame.payload.content["limits"] as Record<string, unknown>;
    return { ...frame, payload: { ...frame.payload, content: { ...frame.payload.content, limits } } };
  }),
  bending("a router that swaps fragments", /A6-4/, (frame) =>
    frame.payload?.type === "atp.fragment" && frame.frag_seq === 1 ? { ...frame, frag_seq: 2 } : undefined,
  ),
  between("a router that spends without credit", /A8\.1-1/, (request, testee) => {
    if (request.op !== "frame" || !String(request["text"]).includes('"flags":["ACK"]')) return testee.ask(request);
    const text = String(request["text"]).replace(
      /"credit":\{"messages":\d+,"bytes":\d+\}/,
      '"credit":{"messages":99,"bytes":999999}',
    );
    return testee.ask({ ...request, text });
  }),
  between("a router that knows no draining", /core\/drain/, (request, testee) =>
    request.op === "drain" ? Promise.resolve({ out: [] }) : testee.ask(request),
  ),
  between("a router that takes any token", /auth\/no-token/, (request, testee) =>
    testee.ask(request.op === "start" ? { ...request, tokens: undefined } : request),
  ),
  outputs("a client that overlooks a gap", /client\/gap/, (output) =>
    "close" in output && output["close"] === 4102 ? [] : [output],
  ),
  outputs("a client that takes a cut for a success", /client\/cut/, (output) =>
    "told" in output && output.told === "cut" ? [{ told: "ended", stream: output["stream"], by: "FIN" }] : [output],
  ),
  bending("a client that leaves heartbeats unanswered", /client\/answers-heartbeats/, (frame) =>
    frame.flags.includes("HB") ? null : undefined,
  ),
  bending("a client that acknowledges what nobody took", /client\/acknowledges/, (frame) =>
    frame.flags.includes("ACK") && frame.ack !== undefined ? { ...frame, ack: frame.ack + 1 } : undefined,
  ),
  bending("a client that sends a question again after a resume", /A9\.2-12|A5\.3-8|resume\/client/, (frame, memory) =>
    frame.payload?.type === "agent.input" && count(memory, "input") === 2 ? { ...frame, x: 1 } : undefined,
  ),
  between("a codec that takes every version", /frame\/v\b/, async (request, testee) => {
    const text = request.op === "decode" ? String(request["text"]).replace('{"v":2,', '{"v":1,') : request["text"];
    return testee.ask({ ...request, text });
  }),
  between("a codec without a bound of size", /frame\/frame-bytes/, (request, testee) =>
    testee.ask(request.op === "decode" ? { ...request, limits: {} } : request),
  ),
  between("a canonical form in the order of arrival", /canonical\/order/, async (request, testee) =>
    request.op === "canonical"
      ? { canonical: JSON.stringify(JSON.parse(String(request["text"]))) }
      : testee.ask(request),
  ),
  between("a verifier that forgets nonces", /signature\/nonce-once/, (request, testee) =>
    testee.ask(request.op === "verify" ? { ...request, seen: [] } : request),
  ),
];
