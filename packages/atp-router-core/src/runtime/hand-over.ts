import { closeCodes } from "atp-protocol";
import type { Clock } from "../ports/index.js";
import type { Session } from "./session-port.js";
import { within } from "./settle.js";
import type { SharedSessions } from "./shared-sessions.js";

/** How long a router that closes waits for the store to take what its readers have not had. */
const HAND_OVER_MS = 3_000;

/**
 * A router that goes leaves its sessions to those that stay: what still waits for a reader's credit, or for its socket, is numbered
 * as for a reader who was lost, and the store has it before this router stops (A9.6).
 */
export async function handOver(shared: SharedSessions, sessions: Iterable<Session>, clock: Clock): Promise<void> {
  for (const session of sessions) session.left(closeCodes.goingAway, "the router shuts down");
  await within(clock, HAND_OVER_MS, (resolve) => void shared.written().then(resolve));
  shared.close();
}
