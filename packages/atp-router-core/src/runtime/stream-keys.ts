import type { StreamRef } from "atp-protocol";
import type { StreamKey } from "../stream/index.js";

/** What a session calls its streams, and what the router does. */
export type StreamKeys = ReadonlyMap<StreamRef, StreamKey>;

/** One for all sessions that are idle: an empty map costs as much as one with four entries. */
export const NO_KEYS: StreamKeys = new Map();

/** The keys with one more. */
export function withKey(keys: StreamKeys, ref: StreamRef, key: StreamKey): StreamKeys {
  return keys === NO_KEYS ? new Map([[ref, key]]) : (keys as Map<StreamRef, StreamKey>).set(ref, key);
}

/** The keys without one. */
export function withoutKey(keys: StreamKeys, ref: StreamRef): StreamKeys {
  if (keys !== NO_KEYS) (keys as Map<StreamRef, StreamKey>).delete(ref);
  return keys.size === 0 ? NO_KEYS : keys;
}
