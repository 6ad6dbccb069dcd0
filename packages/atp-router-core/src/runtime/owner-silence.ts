import type { Ms } from "../model/index.js";
import type { Clock } from "../ports/index.js";

/** An owner that answers nobody for so long counts as lost, though the store says that it lives: longer than a store's lease. */
const GIVE_UP_MS = 15_000;

/** Which routers do not answer, and since when. */
export interface OwnerSilence {
  /** It was asked so long ago and said nothing. @returns whether it counts as lost */
  silent(owner: string, askedMsAgo: Ms): boolean;
  /** It said something. */
  heard(owner: string): void;
}

/**
 * A router that is only slow still runs its streams: whoever takes its sessions over ends answers that go on there. So it is given time
 * over all that ask for it, and one word of it begins that time anew.
 */
export function watchSilence(clock: Pick<Clock, "now">): OwnerSilence {
  const since = new Map<string, Ms>();
  return {
    silent(owner, askedMsAgo) {
      const now = clock.now();
      const first = since.get(owner) ?? now - askedMsAgo;
      if (now - first >= GIVE_UP_MS) return true;
      since.set(owner, first);
      return false;
    },
    heard: (owner) => void since.delete(owner),
  };
}
