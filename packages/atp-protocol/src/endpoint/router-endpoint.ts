import type { Frame } from "../frame/frame.js";
import { onBadFrame } from "./bad-frame.js";
import { commandRouter } from "./command-router.js";
import { countBytes } from "./counting.js";
import { waitForResume } from "./detach.js";
import { closeWhenDrained } from "./drain.js";
import { failStream, settleEnded } from "./ending.js";
import { errorOf, NOTHING_SPENT, tooBigError } from "./failure.js";
import { fragmentation } from "./fragmentation.js";
import { createMachine } from "./machine.js";
import { remember } from "./past.js";
import { watchBacklog } from "./pausing.js";
import type { RolePart } from "./role.js";
import { onClientFrame } from "./router.js";
import { markFailed } from "./router-failure.js";
import { numberQueue, starves } from "./router-sender.js";
import { createRouterState, END_FLAGS, type RouterState, type RouterStream } from "./router-state.js";
import { ping, tickRouter } from "./router-tick.js";
import { relieve } from "./starving.js";
import type { OutEntry } from "./state.js";
import { arm } from "./timer.js";
import type { Encoded, Endpoint, EndpointConfig } from "./types.js";

/** Milliseconds that a new connection has for its first frame (A2.2). */
const HELLO_MS = 10_000;

const part: RolePart = {
  opened,
  frame: onClientFrame,
  refused: onBadFrame,
  command: commandRouter,
  closed,
  keeps: (s) => s.capabilities.resume,
  committed,
  starves,
  rested,
  tooBig,
  lostRest,
  ping,
  tick: tickRouter,
  forget,
  forgetStream: (s: RouterState, stream: RouterStream) => remember(s, stream.ref, stream.fedBack),
  after,
};

/** The router's side of a connection. `config.role` must be `router`. */
export function createRouterEndpoint(config: EndpointConfig): Endpoint {
  const s = createRouterState(config, part, fragmentation);
  const { step, openStreams } = createMachine(s);
  return { step, openStreams, bytes: () => countBytes(s) };
}

function opened(s: RouterState): void {
  s.tokens = s.limits.frames_per_s * 2;
  s.tokensAt = s.at;
  s.phase = "opening";
  s.helloBy = s.at + HELLO_MS;
  arm(s, s.helloBy);
}

function closed(s: RouterState, _code: number, _reason: string, wasOpen: boolean): void {
  s.held = null;
  s.heldBytes = 0;
  s.paused = 0;
  s.helloBy = null;
  for (const stream of s.streams.values()) {
    stream.full = false;
    stream.starvedAt = null;
    stream.unfed = false;
    // What waited to be numbered goes into the replay buffer (A9.2).
    if (s.capabilities.resume) numberQueue(s, stream);
  }
  if (s.capabilities.resume) {
    if (wasOpen) waitForResume(s);
    return;
  }
  for (const stream of s.streams.values())
    if (!stream.ended) s.fx.push({ t: "stream.detached", stream: stream.ref });
    else s.streams.delete(stream.ref);
}

/** A message is kept as encoded, so that a replay is byte-identical; over the bound the oldest go, ends never (A9.2). */
function committed(s: RouterState, stream: RouterStream, entry: OutEntry): void {
  if (!entry.end) stream.usedBytes += entry.bytes;
  if (s.config.shared === true && s.capabilities.resume)
    s.fx.push({ t: "stream.kept", stream: stream.ref, message: entry });
  while (stream.keptBytes > s.limits.retention_bytes && stream.kept.length > 1) {
    const oldest = stream.kept[0] as OutEntry;
    // What the socket is in the middle of taking cannot go.
    if (oldest.end || (oldest.seq === stream.sentSeq + 1 && stream.sentParts > 0)) return;
    stream.kept.shift();
    stream.keptBytes -= oldest.bytes;
    if (oldest.seq > stream.sentSeq) stream.lost = true;
  }
}

function rested(s: RouterState, stream: RouterStream): void {
  relieve(s, stream);
  settleEnded(s, stream);
}

/** To a peer without `fragments` a message goes whole; one over the limits of a message fails its stream (A6). */
function tooBig(s: RouterState, stream: RouterStream, frame: Frame, data: Encoded, bytes: number): OutEntry | null {
  const seq = frame.msg_seq;
  const limit = s.limits.max_message_bytes;
  const end = stream.ended;
  if (bytes <= limit && !s.capabilities.fragments) return { seq, parts: [data], bytes, end };
  const error = tooBigError(bytes, limit, "maybe");
  if (!end) {
    markFailed(s, stream, error);
    return null;
  }
  // The end itself is too big: the stream still ends, once.
  const telemetry = frame.telemetry ?? NOTHING_SPENT;
  const rst = s.config.encode({
    ...frame,
    flags: END_FLAGS.RST,
    payload: { type: "error", content: error },
    telemetry,
  });
  s.fx.push({ t: "violation", error, stream: stream.ref });
  return { seq, parts: [rst], bytes: s.config.sizeOf(rst), end };
}

function lostRest(s: RouterState, stream: RouterStream): void {
  failStream(s, stream, errorOf("EPROTO", "A6", "the rest of a message in fragments did not come", {}, "maybe"));
}

/** Nobody came back: open streams are cancelled and settled by their host, and no token is good any more (A9.2). */
function forget(s: RouterState): void {
  for (const stream of [...s.streams.values()]) {
    stream.kept = [];
    stream.keptBytes = 0;
    if (stream.ended) {
      s.streams.delete(stream.ref);
      continue;
    }
    stream.cancelled = true;
    s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason: "not resumed in time" });
  }
  s.tokenIds = [];
  s.fx.push({ t: "tokens", valid: s.tokenIds });
}

function after(s: RouterState): void {
  watchBacklog(s);
  if (s.draining) closeWhenDrained(s);
}
