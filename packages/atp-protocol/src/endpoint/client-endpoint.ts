import { CLOSE_GAP, CLOSE_TRY_LATER, isResumable } from "../frame/close-codes.js";
import type { Frame } from "../frame/frame.js";
import { onRefusedFrame, onRouterFrame } from "./client.js";
import { commandClient } from "./command-client.js";
import { waitForResume } from "./detach.js";
import { tooBigError } from "./failure.js";
import { armLiveness } from "./liveness.js";
import { endLocally } from "./local-end.js";
import { createMachine } from "./machine.js";
import { close, wakeAll } from "./outbox.js";
import { cutSent, sayHello } from "./resume-client.js";
import type { Fragmentation, RolePart } from "./role.js";
import { createState, type State, type Stream } from "./state.js";
import type { ClientEndpoint, Encoded, EndpointConfig } from "./types.js";

/** What a client does in its own way. */
export const clientPart: RolePart = {
  opened,
  frame: onRouterFrame,
  refused: onRefusedFrame,
  command: commandClient,
  closed,
  keeps,
  tooBig,
  lostRest: (s) => close(s, CLOSE_GAP, "the rest of a message in fragments did not come"),
  forget,
};

/**
 * The client's side of a connection: {@link createEndpoint} without the router's half. `config.role` must be `client`.
 * A client that announces `fragments` gives the part that splits and joins them.
 */
export function createClientEndpoint(config: EndpointConfig, fragmentation?: Fragmentation): ClientEndpoint {
  return createMachine(createState(config, clientPart, fragmentation));
}

function opened(s: State): void {
  s.phase = s.naive ? "open" : "greeting";
  armLiveness(s);
  sayHello(s);
  wakeAll(s);
}

function closed(s: State, code: number, reason: string, wasOpen: boolean): void {
  if (s.capabilities.resume && !s.finished && isResumable(code)) {
    if (wasOpen) waitForResume(s);
  }
  // A SYN that never left may still go on the next socket, unless the client is done or sends no HELLO.
  else cutSent(s, code, reason, s.finished || s.naive);
}

/** A client keeps what it sends before welcome too: the router may yet announce `resume`. */
function keeps(s: State): boolean {
  return s.capabilities.resume || (!s.naive && s.epoch === undefined && s.config.capabilities.includes("resume"));
}

/** A router refuses a frame over its limit unread, so it is not sent. */
function tooBig(s: State, stream: Stream, frame: Frame, _data: Encoded, bytes: number): null {
  const { max_frame_bytes, max_message_bytes } = s.limits;
  const error = tooBigError(bytes, s.capabilities.fragments ? max_message_bytes : max_frame_bytes, "no");
  s.fx.push({ t: "violation", error, stream: stream.ref });
  if (frame.flags.includes("SYN")) endLocally(s, stream, error);
  return null;
}

function forget(s: State): void {
  s.resumeToken = undefined;
  s.epoch = undefined;
  cutSent(s, CLOSE_TRY_LATER, "the session was not resumed in time");
}
