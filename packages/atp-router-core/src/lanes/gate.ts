import type { Lane, Ms } from "../model/index.js";
import { createPriorityCut } from "./cut.js";
import type { Signals } from "./cut.js";
import type { Lanes, ShedReason } from "./values.js";

/** A request as it stands at the door: nothing of it was read but its head. */
export interface Caller {
  readonly lane: Lane;
  readonly tenant: string;
  /** Time to its deadline. */
  readonly ttlMs: Ms;
}

/** Why a request is not let in, and when it would be as things stand. */
export interface Refusal {
  /** `cut`: the router itself is short of time or memory. */
  readonly reason: ShedReason | "cut";
  readonly retryAfterMs: Ms;
}

/** Decides at the door, before a request costs anything. */
export interface Gate {
  /** Undefined when it may come in. */
  refusal(caller: Caller, at: Ms): Refusal | undefined;
  /** It came in: it is on its way to a lane. Tells its tenant's account, for its ticket. */
  entered(lane: Lane, tenant: string): number;
  /** It reached its lane, or ended before. */
  arrived(lane: Lane, account: number): void;
  sense(signals: Signals, at: Ms): void;
  /** How much of what came lately the cut let in, 0 to 1. */
  readonly admittedShare: number;
}

/** A wait is let in when it is at most this share of what may be waited: what is foreseen is not exact. */
const LET_IN_SHARE = 0.8;
const LEAST_RETRY_MS = 10;
/** The cut lets more in each second. */
const CUT_RETRY_MS = 2_000;

/** A gate before these lanes. @param seed differs between routers */
export function createGate(
  lanes: Pick<Lanes, "accountOf" | "countShed" | "outlook" | "patienceMs">,
  seed: number,
): Gate {
  const cut = createPriorityCut(seed);
  /** Requests of a lane and tenant between the door and their lane, by one number for both. */
  const onTheWay = new Map<number, number>();
  const keyOf = (lane: Lane, account: number): number =>
    account * 4 + (lane === "gold" ? 0 : lane === "silver" ? 1 : 2);

  return {
    refusal({ lane, tenant, ttlMs }, at) {
      if (!cut.admits(lane, tenant, at)) {
        lanes.countShed(lane, "cut");
        return { reason: "cut", retryAfterMs: CUT_RETRY_MS };
      }
      const ahead = onTheWay.get(keyOf(lane, lanes.accountOf(tenant))) ?? 0;
      const { waitMs, serviceMs, freeMs } = lanes.outlook(lane, tenant, at, ahead);
      // Whoever finds a free slot may try, whatever others took.
      if (waitMs === 0) return undefined;
      const patience = Math.max(0, Math.min(lanes.patienceMs(lane, ttlMs) * LET_IN_SHARE, ttlMs - serviceMs));
      if (waitMs <= patience) return undefined;
      lanes.countShed(lane, "wait");
      // The queue moves by whole calls, from when the next one ends.
      return { reason: "wait", retryAfterMs: Math.max(LEAST_RETRY_MS, waitMs + freeMs - patience) };
    },
    entered(lane, tenant) {
      const account = lanes.accountOf(tenant);
      const key = keyOf(lane, account);
      onTheWay.set(key, (onTheWay.get(key) ?? 0) + 1);
      return account;
    },
    arrived(lane, account) {
      const key = keyOf(lane, account);
      const left = (onTheWay.get(key) ?? 0) - 1;
      if (left > 0) onTheWay.set(key, left);
      else onTheWay.delete(key);
    },
    sense: (signals, at) => cut.sense(signals, at),
    get admittedShare() {
      return cut.share;
    },
  };
}
