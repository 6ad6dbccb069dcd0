import type { Window } from "atp-protocol";
import type { Lane, Principal, Task } from "../model/index.js";
import type { Clock, Observer, Rng, RunStore } from "../ports/index.js";
import type { RouterEvent } from "../router/index.js";
import type { StreamKey } from "../stream/index.js";
import { cachedRun, cacheRules } from "./answer-cache.js";
import type { AnswerCacheConfig } from "./answer-cache.js";
import type { Emit, StreamOutput } from "./host.js";
import { idempotencyRules, idempotentRun } from "./idempotency.js";
import type { Opened } from "./session-tools.js";
import { createSharedKeys } from "./shared-keys.js";
import { createSharedRuns } from "./shared-runs.js";

/** Streams that share a run: by their client's key, or by a question that is equal. */
export interface Sharing {
  /**
   * Where a stream's answers go; undefined when a run that is known gives them. Later, when other routers have to be asked.
   * @throws AtpError `EDUP`, `EOVERLOAD`
   */
  share(
    opened: Opened,
    task: Task,
    principal: Principal,
    qos: Lane,
    window: Window,
  ): StreamOutput | undefined | Promise<StreamOutput | undefined>;
  /** A client's event about a stream. @returns whether it is one holder's alone, so that the run must not see it */
  takes(event: RouterEvent): boolean;
  /** A stream went on to another session. @returns whether it holds a shared run */
  moved(key: StreamKey, to: StreamOutput): boolean;
  /** Resolves when other routers can know of every run that ended here. */
  settled(): Promise<void>;
  close(): void;
}

/** What routers share of idempotency keys, and what it takes. */
export interface SharedKeysOf {
  readonly store: RunStore;
  readonly rng: Rng;
  readonly observer: Observer | undefined;
}

/**
 * @param emit hands an event to the router's machine
 * @param cache absent: only keys share
 * @param shared absent: keys count at this router
 */
export function createSharing(
  clock: Clock,
  emit: Emit,
  cache: AnswerCacheConfig | undefined,
  shared?: SharedKeysOf,
): Sharing {
  const keyed = createSharedRuns(clock, emit, idempotencyRules);
  const keys = shared === undefined ? undefined : createSharedKeys({ ...shared, clock, local: keyed });
  const equal = cache === undefined ? undefined : createSharedRuns(clock, emit, cacheRules(cache));
  return {
    share({ key, ref, output, dryRun }, task, principal, qos, window) {
      if (dryRun) return output;
      const cancelsOnDrop = task.onDisconnect === "cancel";
      const syn = { key, ref, output, tenant: principal.tenant, cancelsOnDrop, qos, window };
      const same = idempotentRun(task, principal);
      if (same !== undefined)
        return keys === undefined || keyed.knows(same.name)
          ? keyed.join({ ...syn, ...same })
          : keys.join({ ...syn, ...same });
      const question = equal === undefined ? undefined : cachedRun(task, principal);
      return equal === undefined || question === undefined ? output : equal.join({ ...syn, ...question });
    },
    takes: (event) => keys?.takes(event) === true || keyed.takes(event) || equal?.takes(event) === true,
    moved: (key, to) => keys?.moved(key, to) === true || keyed.moved(key, to) || equal?.moved(key, to) === true,
    settled: async () => keys?.settled(),
    close: () => keys?.close(),
  };
}
