import type { RouterState } from "./router-state.js";
import type { State } from "./state.js";

/** What a remembered id costs: its name, twice its map's slot, its record. */
const PAST_BYTES = 160;

/**
 * Bytes that an endpoint holds (A8.4): replay, reassembly, what its host has not taken, what waits to be encoded, what
 * the socket has not sent, remembered ids.
 */
export function countBytes(s: State & Partial<Pick<RouterState, "heldBytes" | "past">>): number {
  let bytes = (s.heldBytes ?? 0) + s.buffered + (s.past?.size ?? 0) * PAST_BYTES;
  for (const stream of s.streams.values()) {
    bytes += stream.keptBytes + stream.unreadBytes + (stream.reassembly?.frameBytes ?? 0);
    for (const item of stream.queue) bytes += item.textBytes ?? 0;
  }
  return bytes;
}
