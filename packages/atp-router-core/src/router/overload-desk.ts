import { createConcurrencyLimit, createGate } from "../lanes/index.js";
import type { Caller, ConcurrencyLimit, LaneOutcome, Lanes, Refusal, Signals, Ticket } from "../lanes/index.js";
import type { Lane, Ms } from "../model/index.js";
import type { StreamEvent, StreamKey, StreamState } from "../stream/index.js";

/** How a router keeps itself and its adapters from too much work. */
export interface OverloadConfig {
  /** What a token costs its tenant in a lane, of input and of output: integers above 0. @default 1 and 2 */
  readonly cost?: { readonly in: number; readonly out: number };
  /** Learn how many calls each adapter takes at once. @default true */
  readonly learnLimits?: boolean;
  /** Differs between routers, so that they do not cut the same tenants. @default 0 */
  readonly seed?: number;
}

/** What a router machine knows of load: who may come in, and how much each adapter takes. */
export interface OverloadDesk<T extends Ticket = Ticket> {
  /** Why a request is not let in; undefined when it may come. Asked before anything of it is read. */
  refusal(caller: Caller, at: Ms): Refusal | undefined;
  /** A request came in. */
  entered(key: StreamKey, lane: Lane, tenant: string): void;
  /** It reached its lane, or ended before. Tells its tenant's account the first time. */
  arrived(key: StreamKey): number | undefined;
  costOf(tokens: { readonly inTokens: number; readonly outTokens: number }): number;
  /** An adapter is known to take so many at once; absent: as many as there are slots. */
  known(adapter: string, maxParallel: number | undefined, at: Ms): readonly LaneOutcome<T>[];
  /** What became of a running call, before its stream sees it. */
  saw(stream: StreamState, event: Extract<StreamEvent, { t: "leg.chunk" | "leg.ended" }>): readonly LaneOutcome<T>[];
  sense(signals: Signals, at: Ms): void;
  /** How much of what comes is let in while the router is short of time or memory, 0 to 1. */
  readonly admittedShare: number;
}

const none: readonly never[] = [];

/** A desk before these lanes. @param slots calls that run at once over all adapters */
export function createOverloadDesk<T extends Ticket>(
  lanes: Lanes<T>,
  slots: number,
  config: OverloadConfig = {},
): OverloadDesk<T> {
  const { cost = { in: 1, out: 2 }, learnLimits = true, seed = 0 } = config;
  const gate = createGate(lanes, seed);
  const entering = new Map<StreamKey, { readonly lane: Lane; readonly account: number }>();
  const limits = new Map<string, { readonly max: number; readonly limit: ConcurrencyLimit }>();

  function limitOf(adapter: string): ConcurrencyLimit {
    let known = limits.get(adapter);
    if (known === undefined) {
      known = { max: slots, limit: createConcurrencyLimit({ max: slots }) };
      limits.set(adapter, known);
    }
    return known.limit;
  }

  function learn(adapter: string, changed: (limit: ConcurrencyLimit, running: number) => boolean, at: Ms) {
    const limit = limitOf(adapter);
    return changed(limit, lanes.runningAt(adapter)) ? lanes.setLimit(adapter, limit.value, at) : none;
  }

  return {
    refusal: (caller, at) => gate.refusal(caller, at),
    entered(key, lane, tenant) {
      entering.set(key, { lane, account: gate.entered(lane, tenant) });
    },
    arrived(key) {
      const who = entering.get(key);
      if (who === undefined) return undefined;
      entering.delete(key);
      gate.arrived(who.lane, who.account);
      return who.account;
    },
    costOf: ({ inTokens, outTokens }) => cost.in * inTokens + cost.out * outTokens,
    known(adapter, maxParallel, at) {
      const max = Math.min(slots, maxParallel === undefined || maxParallel < 1 ? slots : maxParallel);
      if ((limits.get(adapter)?.max ?? slots) === max) return none;
      limits.set(adapter, { max, limit: createConcurrencyLimit({ max }) });
      return lanes.setLimit(adapter, max, at);
    },
    saw(stream, event) {
      const { at } = event;
      const leg = stream.legs[event.leg];
      if (!learnLimits || leg === undefined || leg.phase !== "running") return none;
      const adapter = leg.call.adapter.id;
      if (event.t === "leg.chunk") {
        if (leg.firstAt !== undefined || leg.startedAt === undefined) return none;
        const { startedAt } = leg;
        const { inTokens } = leg.call.estimate;
        return learn(adapter, (limit, running) => limit.began(at - startedAt, inTokens, running, at), at);
      }
      if ("final" in event.end || event.end.failure.kind !== "exhausted") return none;
      return learn(adapter, (limit, running) => limit.full(running, at), at);
    },
    sense: (signals, at) => gate.sense(signals, at),
    get admittedShare() {
      return gate.admittedShare;
    },
  };
}
