import { drawOf } from "../learning/index.js";
import type { Failure, Ms, TailsConfig } from "../model/index.js";
import { createHedging, createRetryBudget } from "../routing/index.js";
import type { AdapterRegistry, RetryAsk, StatusChange } from "../routing/index.js";
import type { StreamEvent, StreamState } from "../stream/index.js";

type Piece = Extract<StreamEvent, { t: "leg.chunk" | "leg.ended" }>;

/** Sees the calls of all streams, and says what may be done about slow and failed ones. */
export interface TailsDesk {
  /** A call leaves the router. @returns after how long without a piece a second one may be asked for */
  started(stream: StreamState, leg: number, at: Ms): Ms | undefined;
  /** A call that had left has ended, whatever ended it. */
  left(stream: StreamState, leg: number): void;
  /** To be told before the stream is: whether this is a call's first piece, or its end. */
  saw(stream: StreamState, event: Piece): readonly StatusChange[];
  /** Whom a second call may go to; undefined when there is to be none. @param isShort whether calls wait for slots */
  hedge(adapters: readonly string[], isShort: boolean, at: Ms): string | undefined;
  /** How long to wait before a call is made because one failed; null when it is not to be made. */
  retry(ask: RetryAsk & { readonly key: string }): Ms | null;
}

const NOTHING: readonly StatusChange[] = [];

/** Whether a failure is one that calls made anew would add to. */
function tellsOnLoad({ kind }: Failure): boolean {
  return kind !== "rejected" && kind !== "budget" && kind !== "cancelled";
}

/** A desk of one router. @param salt differs between routers, so that they do not wait alike */
export function createTailsDesk(config: TailsConfig, registry: AdapterRegistry, salt: string): TailsDesk {
  const hedging = config.hedge === "off" ? undefined : createHedging(config.hedge);
  const retries = config.retry === "off" ? undefined : createRetryBudget(config.retry);

  /** The first piece of a call. One that it stood in for is known to be at least this late. */
  function began(stream: StreamState, index: number, at: Ms): readonly StatusChange[] {
    const leg = stream.legs[index];
    if (hedging === undefined || leg?.startedAt === undefined) return NOTHING;
    hedging.began(leg.call.adapter.id, at - leg.startedAt, at);
    const late = leg.hedges === undefined ? undefined : stream.legs[leg.hedges];
    if (late?.phase !== "running" || late.startedAt === undefined) return NOTHING;
    hedging.began(late.call.adapter.id, at - late.startedAt, at);
    return registry.callSlow(late.call.adapter.id, at);
  }

  return {
    started(stream, index, at) {
      const leg = stream.legs[index];
      if (leg === undefined) return undefined;
      const { id } = leg.call.adapter;
      registry.callStarted(id);
      return leg.hedges === undefined ? hedging?.sent(id, stream.qos, at) : undefined;
    },
    left(stream, index) {
      const leg = stream.legs[index];
      if (leg !== undefined) registry.callLeft(leg.call.adapter.id);
    },
    saw(stream, event) {
      const leg = stream.legs[event.leg];
      if (leg?.phase !== "running") return NOTHING;
      if (event.t === "leg.chunk") return leg.chunks === 0 ? began(stream, event.leg, event.at) : NOTHING;
      const { id } = leg.call.adapter;
      if ("failure" in event.end) {
        const { failure } = event.end;
        if (tellsOnLoad(failure)) retries?.failed(id);
        return registry.callEnded(id, failure, event.at);
      }
      retries?.succeeded(id);
      const slow = leg.chunks === 0 ? began(stream, event.leg, event.at) : NOTHING;
      return [...slow, ...registry.callEnded(id, "ok", event.at)];
    },
    hedge(adapters, isShort, at) {
      // Whoever waits for a slot goes before a second call.
      if (hedging === undefined || isShort) return undefined;
      const adapter = adapters.find((id) => registry.isWelcome(id, at));
      return adapter !== undefined && hedging.take() ? adapter : undefined;
    },
    retry: (ask) => retries?.ask(ask, drawOf(`${salt}${ask.key}/${ask.nth}`)) ?? null,
  };
}
