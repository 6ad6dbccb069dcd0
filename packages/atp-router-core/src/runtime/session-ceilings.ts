import { payloadTypes } from "atp-protocol";
import type { EndpointEffect, Payload, StreamRef } from "atp-protocol";
import { fromWindow, toWindow } from "../model/index.js";
import type { Limits } from "../model/index.js";

/** The ceilings that a client may move (A7.6). */
export interface Ceilings {
  /** The session's, as they stand. */
  session(): Limits;
  /** A client's new ceilings; what is above its outer scope's is cut to it, and it is told so. */
  update(effect: Extract<EndpointEffect, { t: "window" }>): void;
  /** A window update of a stream's own, with its number. */
  numbered(stream: StreamRef, payload: Payload): Payload;
  forget(stream: StreamRef): void;
}

/** Who is told of new ceilings. */
export interface CeilingsHost {
  readonly lease: Limits;
  readonly session: (limits: Limits) => void;
  readonly stream: (ref: StreamRef, limits: Limits) => void;
  readonly tell: (ref: StreamRef | null, payload: Payload) => void;
}

const members = ["max_parallel", "max_tokens", "max_usd_micros"] as const;

/** The ceilings of one session: at first its lease. */
export function createCeilings(host: CeilingsHost): Ceilings {
  const { lease } = host;
  let session = lease;
  /** Numbers of our own window updates, by stream; none until one is sent, as for most sessions. */
  let updates: Map<StreamRef | null, number> | undefined;
  function nextNumber(stream: StreamRef | null): number {
    const number = (updates?.get(stream) ?? 0) + 1;
    updates ??= new Map();
    updates.set(stream, number);
    return number;
  }

  return {
    session: () => session,
    update({ stream, content: { window } }) {
      const granted = fromWindow(window, stream === null ? lease : session);
      if (stream === null) host.session((session = granted));
      else host.stream(stream, granted);
      const told = toWindow(granted);
      if (members.every((name) => (window[name] ?? 0) <= (told[name] ?? Infinity))) return;
      host.tell(stream, { type: payloadTypes.windowUpdate, content: { number: nextNumber(stream), window: told } });
    },
    numbered: (stream, { type, content }) => ({
      type,
      content: { number: nextNumber(stream), ...(content as object) },
    }),
    forget(stream) {
      updates?.delete(stream);
    },
  };
}
