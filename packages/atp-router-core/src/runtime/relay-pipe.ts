import type { Encoded, Frame, FrameRefusal, HelloContent } from "atp-protocol";
import type { ReplayStore } from "atp-protocol/replay";

/**
 * What two routers tell one another of a client that resumed at one while the other owns its session (A9.3). It travels through the
 * store's commands and carries what the socket carries, tokens too: that channel is to be kept as safe as the socket.
 */
export type RelayItem =
  // To the owner.
  | {
      readonly t: "open";
      readonly remote: string;
      readonly subprotocol: string;
      readonly hello: HelloContent;
      readonly tenant: string;
      readonly subject: string;
      readonly token: string;
      readonly tokenId: string;
      readonly shownId: string;
    }
  | { readonly t: "frame"; readonly frame: Frame; readonly bytes: number }
  | { readonly t: "refused"; readonly refusal: FrameRefusal; readonly bytes: number }
  | { readonly t: "buffered"; readonly bytes: number }
  | { readonly t: "alive" }
  | { readonly t: "closed"; readonly code: number; readonly reason: string }
  /** Answered by the same: the owner is there. */
  | { readonly t: "pulse" }
  // From the owner.
  | { readonly t: "opened" }
  | { readonly t: "unknown" }
  | { readonly t: "data"; readonly data: string }
  | { readonly t: "close"; readonly code: number; readonly reason: string }
  | { readonly t: "terminate" }
  | { readonly t: "ping" }
  | { readonly t: "reading"; readonly on: boolean };

/** One batch of a line, in order. */
export interface RelayBatch {
  readonly line: string;
  /** The router that sent it. */
  readonly from: string;
  readonly items: readonly RelayItem[];
}

/** One direction of a line between two routers. */
export interface RelayPipe {
  push(item: RelayItem): void;
}

/** A batch, if a command is one. Commands come from routers of the same store, so its members are trusted. */
export function readBatch(frame: unknown): RelayBatch | null {
  if (typeof frame !== "object" || frame === null) return null;
  const { line, from, items } = frame as Partial<RelayBatch>;
  return typeof line === "string" && typeof from === "string" && Array.isArray(items) ? (frame as RelayBatch) : null;
}

/** The other router is not there; or nobody knows, as the store does not answer. */
export type PipeEnd = "lost" | "silent";

/** Sends items in order, those that wait for one answer of the store together. @param ended nothing gets through any more */
export function relayPipe(
  store: ReplayStore,
  session: string,
  line: string,
  from: string,
  to: string,
  ended: (how: PipeEnd) => void,
): RelayPipe {
  let waiting: RelayItem[] = [];
  let sending = false;

  async function send(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const items = waiting;
        waiting = [];
        const isThere = await store.tell(to, { key: { session, stream: "0" }, frame: { line, from, items } });
        if (!isThere) return ended("lost");
      }
    } catch {
      // Without the store nothing gets through: the client asks again when it is back.
      ended("silent");
    } finally {
      sending = false;
    }
  }

  return {
    push(item) {
      waiting.push(item);
      if (sending) return;
      sending = true;
      // At the end of this turn, so that what it says goes together.
      queueMicrotask(() => void send());
    },
  };
}

/** Encoded frames as one text: JSON frames hold no raw line break, bytes go as base64. */
export function packParts(parts: readonly Encoded[]): string {
  return parts.map((part) => (typeof part === "string" ? part : `=${Buffer.from(part).toString("base64")}`)).join("\n");
}

/** The frames of {@link packParts}. */
export function unpackParts(data: string | Uint8Array): readonly Encoded[] {
  const text = typeof data === "string" ? data : Buffer.from(data).toString("utf8");
  return text
    .split("\n")
    .map((part) => (part.startsWith("=") ? new Uint8Array(Buffer.from(part.slice(1), "base64")) : part));
}
