import { AtpError } from "atp-protocol";
import type { Clock, Observer, Rng, RunName, RunStore } from "../ports/index.js";
import { StoreUnavailable } from "../ports/index.js";
import type { RouterEvent } from "../router/index.js";
import type { StreamEnd, StreamKey } from "../stream/index.js";
import type { StreamOutput } from "./host.js";
import { idempotencyRules } from "./idempotency.js";
import type { SharedRuns, SharingSyn } from "./shared-runs.js";

/** How often a router says that its runs go on, and tries again what the store did not take. A third of the store's lease. */
const RENEW_MS = 10_000;
const RETRY_MS = 1_000;
/** How long the first wait for another router's run is, and the longest. */
const LOOK_MS = 50;
const LOOK_AT_MOST_MS = 500;

/** Idempotency keys of a store that routers share. */
export interface SharedKeys {
  /**
   * @returns where the answers of a new run go; undefined when the run is another's or has ended: its end is told when it is known.
   * @throws AtpError `EDUP`, `EOVERLOAD`, `ECANCELLED`
   */
  join(syn: SharingSyn): Promise<StreamOutput | undefined>;
  /** A client's event about a stream whose key is looked up, or whose run is another router's. */
  takes(event: RouterEvent): boolean;
  moved(key: StreamKey, to: StreamOutput): boolean;
  /** Resolves when the store was told of every run that ended. */
  settled(): Promise<void>;
  close(): void;
}

interface Looking {
  readonly syn: SharingSyn;
  output: StreamOutput;
  gone: string | undefined;
  accepted: boolean;
  wake: (() => void) | undefined;
}

interface Mine {
  readonly run: RunName;
  readonly claimant: string;
  /** What was told; undefined while it runs. */
  end: string | undefined;
  /** It ended and binds nothing. */
  free: boolean;
}

interface Tools {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly observer: Observer | undefined;
  /** Runs of this router, by the same names. */
  readonly local: SharedRuns;
}

/** Joins this router's runs by key to those of the routers that share a store (A9.4). */
export function createSharedKeys({ store, clock, rng, observer, local }: Tools): SharedKeys {
  const looking = new Map<StreamKey, Looking>();
  const mine = new Set<Mine>();
  const telling = new Set<Promise<void>>();
  let stopTimer: (() => void) | undefined;

  /** The store hears of everything that it does not know yet; what it does not take is said again. */
  async function tell(one: Mine): Promise<void> {
    const { run, claimant, end, free } = one;
    try {
      if (end !== undefined) await store.finish(run, claimant, end);
      else if (free) await store.release(run, claimant);
      else {
        await store.renew(run, claimant);
        return;
      }
      mine.delete(one);
    } catch (error) {
      observer?.observe({ t: "replay.failed", error });
    }
  }

  function told(one: Mine): Promise<void> {
    const telling_ = tell(one).finally(() => telling.delete(telling_));
    telling.add(telling_);
    return telling_;
  }

  function tick(): void {
    stopTimer = undefined;
    for (const one of mine) void told(one);
    schedule();
  }

  function schedule(): void {
    if (mine.size === 0) return;
    const late = [...mine].some(({ end, free }) => end !== undefined || free);
    stopTimer ??= clock.at(clock.now() + (late ? RETRY_MS : RENEW_MS), tick);
  }

  function ended(one: Mine, end: StreamEnd): void {
    if (idempotencyRules.keeps(end)) one.end = JSON.stringify(bare(end));
    else one.free = true;
    void told(one).then(() => {
      if (!mine.has(one)) return;
      stopTimer?.();
      stopTimer = undefined;
      schedule();
    });
  }

  /** The run is this router's: its own holders join it here, and the store hears of its end. */
  function begin(look: Looking, run: RunName, claimant: string): StreamOutput | undefined {
    const { syn, output, accepted } = look;
    const first: StreamOutput = accepted ? { ...output, accept: () => undefined } : output;
    const to = local.join({ ...syn, output: first });
    if (to === undefined) return undefined;
    const one: Mine = { run, claimant, end: undefined, free: false };
    mine.add(one);
    schedule();
    return {
      ...to,
      end(ref, end) {
        to.end(ref, end);
        ended(one, end);
      },
    };
  }

  async function join(look: Looking): Promise<StreamOutput | undefined> {
    const { syn } = look;
    const { tenant, name, content, ref, qos, window } = syn;
    const run = { tenant, name, content };
    const claimant = rng.hex(12);
    for (let waitMs = LOOK_MS; ; waitMs = Math.min(LOOK_AT_MOST_MS, 2 * waitMs)) {
      const found = await store.claim(run, claimant);
      if (look.gone !== undefined) {
        if (found.t === "mine") void store.release(run, claimant).catch(() => undefined);
        throw new AtpError("ECANCELLED", look.gone, { processed: look.accepted ? "maybe" : "no" });
      }
      if (found.t === "clash") idempotencyRules.clash();
      if (found.t === "full") idempotencyRules.full(found);
      if (found.t === "mine") return begin(look, run, claimant);
      if (!look.accepted) look.output.accept(ref, qos, window);
      look.accepted = true;
      if (found.t === "ended") {
        const end = JSON.parse(found.end) as StreamEnd;
        look.output.end(ref, { ...end, telemetry: idempotencyRules.told(end.telemetry) });
        return undefined;
      }
      await new Promise<void>((resolve) => {
        const stop = clock.at(clock.now() + waitMs, resolve);
        look.wake = () => {
          stop();
          resolve();
        };
      });
    }
  }

  return {
    async join(syn) {
      const look: Looking = { syn, output: syn.output, gone: undefined, accepted: false, wake: undefined };
      looking.set(syn.key, look);
      try {
        return await join(look);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        // Whether this was paid before cannot be known: nothing is called.
        throw new AtpError("EOVERLOAD", "The store of idempotency keys cannot be reached. Ask again later.", {
          retryAfterMs: RETRY_MS,
          processed: look.accepted ? "maybe" : "no",
        });
      } finally {
        looking.delete(syn.key);
      }
    },
    takes(event) {
      if (looking.size === 0 || !("key" in event)) return false;
      const look = looking.get(event.key);
      if (look === undefined) return false;
      if (event.t === "client.cancelled") look.gone = "The client cancelled.";
      else if (event.t === "client.detached" && look.syn.cancelsOnDrop) look.gone = "The connection was lost.";
      else return true;
      look.wake?.();
      return true;
    },
    moved(key, to) {
      const look = looking.get(key);
      if (look === undefined) return false;
      look.output = to;
      return true;
    },
    async settled() {
      await Promise.all([...telling]);
    },
    close() {
      stopTimer?.();
    },
  };
}

/** Of an end what a later holder hears. */
function bare(end: StreamEnd): object {
  const { t, by, telemetry } = end;
  const said = end.by === "final" ? { content: end.content, confidence: end.confidence } : { error: end.error };
  return { t, by, telemetry, record: {}, ...said };
}
