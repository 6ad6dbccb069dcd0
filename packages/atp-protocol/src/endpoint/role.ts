import type { Frame } from "../frame/frame.js";
import type { Joined, OutEntry, OutItem, State, Stream } from "./state.js";
import type { Encoded, EndpointEvent, FrameRefusal } from "./types.js";

/**
 * What the two roles do each in its own way. A client's bundle holds the client's part only, so what a router alone needs is
 * behind one of these.
 */
export interface RolePart {
  /** A socket opened. */
  opened(s: State): void;
  /** A checked frame of the peer came. */
  frame(s: State, frame: Frame, bytes: number): void;
  /** The codec refused a frame of the peer. */
  refused(s: State, refusal: FrameRefusal): void;
  /** A command of the host. @returns true when nothing more is to be done about it. */
  command(s: State, event: EndpointEvent): boolean;
  /** What becomes of streams whose socket is gone. */
  closed(s: State, code: number, reason: string, wasOpen: boolean): void;
  /** Whether sent messages are kept for a resume. */
  keeps(s: State): boolean;
  /** A message got its number. */
  committed?(s: State, stream: Stream, entry: OutEntry): void;
  /** Whether the next message must wait for credit. */
  starves?(s: State, stream: Stream, item: OutItem): boolean;
  /** Nothing of the stream waits to be sent any more. */
  rested?(s: State, stream: Stream): void;
  /** A message over `max_frame_bytes` that cannot go in fragments. */
  tooBig(s: State, stream: Stream, frame: Frame, data: Encoded, bytes: number): OutEntry | null;
  /** The rest of a message in fragments did not come in time. */
  lostRest(s: State, stream: Stream): void;
  /** Pings a peer without HELLO. */
  ping?(s: State): void;
  /** What else is due. */
  tick?(s: State): void;
  /** Nobody resumed the session in time. */
  forget(s: State): void;
  /** An ended stream is forgotten. */
  forgetStream?(s: State, stream: Stream): void;
  /** After each step. */
  after?(s: State): void;
}

/** Messages over `max_frame_bytes` in parts (A6): a client that does not announce `fragments` needs none of it. */
export interface Fragmentation {
  /** The fragments of one message, or null when it is over the limits of a message. */
  split(s: State, frame: Frame): readonly Encoded[] | null;
  /** Takes one fragment of the stream's next message. */
  join(s: State, stream: Stream, frame: Frame, bytes: number): Joined;
}
