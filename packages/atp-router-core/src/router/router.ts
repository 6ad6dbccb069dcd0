import { createLanes } from "../lanes/index.js";
import type { Caller, LaneOutcome, Lanes, LanesConfig, Refusal, Signals } from "../lanes/index.js";
import { tailsOf } from "../model/index.js";
import type { AdapterHealth, AdapterStatus, Failure, Ms, TailsConfig } from "../model/index.js";
import { createCalibrator } from "../money/index.js";
import { createRegistry } from "../routing/index.js";
import type { AdapterRegistry } from "../routing/index.js";
import { createLearningDesk } from "./learning-desk.js";
import type { Feedback, Judged, LearningDesk, RouterLearning } from "./learning-desk.js";
import { createOverloadDesk } from "./overload-desk.js";
import type { OverloadConfig, OverloadDesk } from "./overload-desk.js";
import { openStream, stepStream } from "../stream/index.js";
import type { RouterOwn, StreamEffect, StreamEvent, StreamKey, StreamOpening, StreamState } from "../stream/index.js";
import { runsShort, ticketId, waits } from "./tickets.js";
import type { LegTicket } from "./tickets.js";
import { createTailsDesk } from "./tails-desk.js";

/** Everything that can happen to a router: to one of its streams, or to what they share. */
export type RouterEvent =
  | Exclude<StreamEvent, { t: "stream.opened" } | { t: "money.room" }>
  | { readonly t: "stream.opened"; readonly at: Ms; readonly key: StreamKey; readonly opening: StreamOpening }
  | {
      readonly t: "adapter.added";
      readonly at: Ms;
      readonly adapter: string;
      readonly configured: AdapterHealth["info"];
    }
  | { readonly t: "adapter.healthy"; readonly at: Ms; readonly adapter: string; readonly health: AdapterHealth }
  | { readonly t: "adapter.unhealthy"; readonly at: Ms; readonly adapter: string; readonly failure: Failure }
  /** The ledger: something may fit now that did not before. */
  | { readonly t: "money.room"; readonly at: Ms }
  /** A reader's word on a stream that ended. */
  | { readonly t: "feedback"; readonly at: Ms; readonly key: StreamKey; readonly word: Feedback }
  /** What a challenger said to a stream that ended; absent: nothing. */
  | { readonly t: "trial.answered"; readonly at: Ms; readonly key: StreamKey; readonly answer?: string }
  /** Time passed: queues and probes look at their deadlines. With how the process is, where that is known. */
  | { readonly t: "tick"; readonly at: Ms; readonly signals?: Signals };

/** What a router asks for: what its streams ask for, less what it answers itself. */
export type RouterEffect =
  | Exclude<StreamEffect, { t: RouterOwn }>
  | { readonly t: "adapter.probe"; readonly adapter: string }
  | ({ readonly t: "stream.judged"; readonly key: StreamKey } & Judged)
  | {
      readonly t: "adapter.status";
      readonly adapter: string;
      readonly from: AdapterStatus;
      readonly to: AdapterStatus;
      readonly reason: string;
    };

/** What streams share, and the streams. */
export interface RouterMachine {
  /** Advances the router by one event. Synchronous and total. */
  step(event: RouterEvent): readonly RouterEffect[];
  /**
   * Why a request of this lane and tenant is not let in now; undefined when it is. To be asked before anything of it is read, and
   * once for each: it counts them.
   */
  refusal(caller: Caller, at: Ms): Refusal | undefined;
  readonly lanes: Lanes;
  readonly overload: Pick<OverloadDesk, "admittedShare">;
  readonly registry: AdapterRegistry;
  readonly streams: ReadonlyMap<StreamKey, StreamState>;
  /** Undefined where nothing is learned. */
  readonly learning: LearningDesk | undefined;
}

/** For so long after a call was shed no second ones are sent. */
const SHED_MS = 5_000;

/** A router machine: it owns lanes, adapter health and streams, and routes between them in the same turn. */
export function createRouterMachine(config: {
  readonly lanes: LanesConfig;
  readonly overload?: OverloadConfig;
  /** Absent: nothing is learned, at no cost. */
  readonly learning?: RouterLearning;
  /** @default hedges, retries, restarts, breaker and outlier ejection by their defaults */
  readonly tails?: TailsConfig;
  /** Differs between routers, so that they do not wait alike. @default empty */
  readonly salt?: string;
}): RouterMachine {
  const lanes = createLanes<LegTicket>(config.lanes);
  const overload = createOverloadDesk(lanes, config.lanes.slots, config.overload);
  const tailsConfig = config.tails ?? tailsOf();
  const registry = createRegistry(tailsConfig);
  const tails = createTailsDesk(tailsConfig, registry, config.salt ?? "");
  const learning = config.learning === undefined ? undefined : createLearningDesk(config.learning);
  const streams = new Map<StreamKey, StreamState>();
  const costs = createCalibrator();
  /** Of calls that wait or run. */
  const tickets = new Map<string, LegTicket>();
  /** Tickets that wait for a slot, and when one was last shed. */
  let queued = 0;
  let shedAt = -Infinity;
  /** Streams with a hold that waits for a window, in the order they came. */
  const waiting = new Set<StreamKey>();

  function step(event: RouterEvent): readonly RouterEffect[] {
    const out: RouterEffect[] = [];
    switch (event.t) {
      case "stream.opened": {
        const asked: StreamEffect[] = [];
        const { opening } = event;
        if (!opening.dryRun) overload.entered(event.key, opening.qos, opening.principal.tenant);
        const learned = learning?.opening(opening) ?? opening;
        const offers = registry.offers(event.at);
        const candidates = learning?.challenge?.offered(opening, offers) ?? offers;
        streams.set(event.key, openStream({ ...event, opening: learned, candidates }, asked));
        route(asked, event.at, out);
        break;
      }
      case "adapter.added":
        registry.add(event.adapter, event.configured);
        known(event.adapter, event.at, out);
        break;
      case "adapter.healthy":
        statuses(registry.healthOk(event.adapter, event.health, event.at), out);
        known(event.adapter, event.at, out);
        break;
      case "adapter.unhealthy":
        statuses(registry.healthFailed(event.adapter, event.failure, event.at), out);
        break;
      case "money.room":
        // What runs comes before what has not begun: an answer that is cut was paid for in vain.
        for (const key of runningFirst()) toStream({ t: "money.room", at: event.at, key }, out);
        break;
      case "feedback":
        judged(event.key, learning?.feedback(event.key, event.word), out);
        break;
      case "trial.answered":
        learning?.challenge?.answered(event.key, event.answer);
        break;
      case "tick":
        if (event.signals !== undefined) overload.sense(event.signals, event.at);
        learning?.tick();
        granted(lanes.expire(event.at), event.at, out);
        statuses(registry.sweep(event.at), out);
        for (const adapter of registry.probesDue(event.at)) out.push({ t: "adapter.probe", adapter });
        break;
      default:
        toStream(event, out);
    }
    return out;
  }

  /** A record's verdict comes after it: readers take their time. */
  function judged(key: StreamKey, verdict: Judged | undefined, out: RouterEffect[]): void {
    if (verdict !== undefined) out.push({ t: "stream.judged", key, ...verdict });
  }

  function toStream(event: StreamEvent, out: RouterEffect[]): void {
    const stream = streams.get(event.key);
    if (stream === undefined) return;
    if (event.t === "leg.chunk" || event.t === "leg.ended") {
      statuses(tails.saw(stream, event), out);
      granted(overload.saw(stream, event), event.at, out);
    }
    const asked: StreamEffect[] = [];
    stepStream(stream, corrected(stream, event), asked);
    if (event.t === "hold.refused" || event.t === "hold.notExtended" || event.t === "money.room") watchWaiting(stream);
    if (asked.length > 0) route(asked, event.at, out);
  }

  /** A quote as it should have been, by what calls of its adapter have cost for this kind of task, and by how it billed (A7.5). */
  function corrected(stream: StreamState, event: StreamEvent): StreamEvent {
    if (event.t !== "adapter.estimated" || !("estimate" in event.result)) return event;
    const quoted = event.result.estimate;
    const corrected = costs.correct(event.adapter, stream.opening.task.taskType, quoted);
    const rating = registry.ratingOf(event.adapter);
    const estimate = rating === 1 ? corrected : { ...corrected, confidence: corrected.confidence * rating };
    return estimate === quoted ? event : { ...event, result: { estimate }, quoted };
  }

  /** The streams that wait for money, those with a call that runs short before the others. */
  function runningFirst(): readonly StreamKey[] {
    const first: StreamKey[] = [];
    const then: StreamKey[] = [];
    for (const key of waiting) (streams.get(key)?.legs.some(runsShort) === true ? first : then).push(key);
    return [...first, ...then];
  }

  function watchWaiting(stream: StreamState): void {
    if (stream.legs.some(waits)) waiting.add(stream.key);
    else waiting.delete(stream.key);
  }

  /** Answers what is the router's own, in the same turn; the rest is the runtime's. */
  function route(asked: readonly StreamEffect[], at: Ms, out: RouterEffect[]): void {
    for (const effect of asked) {
      switch (effect.t) {
        case "lane.enqueue": {
          const id = ticketId(effect);
          const { key, leg, lane, tenant, session, adapter, deadlineAt } = effect;
          const cost = overload.costOf(effect);
          const account = overload.arrived(key);
          const ticket: LegTicket = { key, leg, lane, tenant, account, session, adapter, cost, deadlineAt, seat: -1 };
          tickets.set(id, ticket);
          queued++;
          const outcomes = lanes.enqueue(ticket, at);
          const hold = streams.get(key)?.legs[leg]?.hold;
          if (hold !== undefined && !outcomes.some((one) => one.ticket === ticket))
            out.push({ key, t: "hold.recall", hold });
          granted(outcomes, at, out);
          break;
        }
        case "lane.release": {
          const stream = streams.get(effect.key);
          if (stream !== undefined) tails.left(stream, effect.leg);
          const ticket = tickets.get(ticketId(effect));
          if (ticket === undefined) break;
          tickets.delete(ticketId(effect));
          granted(lanes.release(ticket, at, overload.costOf(effect)), at, out);
          break;
        }
        case "lane.cancel": {
          const ticket = tickets.get(ticketId(effect));
          if (ticket === undefined) break;
          tickets.delete(ticketId(effect));
          queued--;
          granted(lanes.cancel(ticket, at), at, out);
          break;
        }
        case "hold.reserve":
          out.push(lanes.isFree(effect.adapter, effect.lane) ? { ...effect, leaves: true } : effect);
          break;
        case "hold.reserveAll":
          out.push({
            ...effect,
            holds: effect.holds.map((one) => ({ ...one, leaves: lanes.isFree(one.adapter, effect.lane) })),
          });
          break;
        case "hedge.ask": {
          const isShort = queued > 0 || at - shedAt < SHED_MS;
          const adapter = tails.hedge(effect.adapters, isShort, at);
          if (adapter !== undefined)
            toStream({ t: "hedge.allowed", at, key: effect.key, leg: effect.leg, adapter }, out);
          break;
        }
        case "retry.ask":
          toStream({ t: "retry.decided", at, key: effect.key, waitMs: tails.retry(effect) }, out);
          break;
        case "advice.ask":
          // Only a stream that was opened to learn asks.
          if (learning !== undefined)
            toStream({ t: "advice.given", at, key: effect.key, advice: learning.advise(effect.key, effect) }, out);
          break;
        case "overrun":
          registry.callOverran(effect.adapter, effect.used / Math.max(1, effect.held));
          out.push(effect);
          break;
        case "cost.seen":
          registry.callBilled(effect.adapter);
          costs.observe(effect.adapter, effect.taskType, {
            estimate: effect.quoted,
            used: effect.used,
            cut: effect.cut,
          });
          break;
        case "stream.closed": {
          const trial = learning?.ended(effect, streams.get(effect.key)?.opening) === true;
          streams.delete(effect.key);
          overload.arrived(effect.key);
          waiting.delete(effect.key);
          out.push(trial ? { ...effect, trial } : effect);
          break;
        }
        case "explained":
          streams.delete(effect.key);
          out.push(effect);
          break;
        default:
          out.push(effect);
      }
    }
  }

  function granted(outcomes: readonly LaneOutcome<LegTicket>[], at: Ms, out: RouterEffect[]): void {
    for (const outcome of outcomes) {
      const { ticket } = outcome;
      if (outcome.t === "granted") {
        queued--;
        const stream = streams.get(ticket.key);
        const hedgeAfterMs = stream === undefined ? undefined : tails.started(stream, ticket.leg, at);
        const hedged = hedgeAfterMs === undefined ? {} : { hedgeAfterMs };
        const { waitedMs } = outcome;
        toStream({ t: "lane.granted", at, key: ticket.key, leg: ticket.leg, waitedMs, ...hedged }, out);
      } else if (outcome.t === "preempted") {
        const { retryAfterMs } = outcome;
        toStream({ t: "leg.preempted", at, key: ticket.key, leg: ticket.leg, retryAfterMs }, out);
      } else {
        queued--;
        shedAt = at;
        tickets.delete(ticketId(ticket));
        const { reason, retryAfterMs } = outcome;
        toStream({ t: "lane.shed", at, key: ticket.key, leg: ticket.leg, reason, retryAfterMs }, out);
      }
    }
  }

  function statuses(
    changes: readonly { id: string; from: AdapterStatus; to: AdapterStatus; reason: string }[],
    out: RouterEffect[],
  ): void {
    for (const { id, from, to, reason } of changes) out.push({ t: "adapter.status", adapter: id, from, to, reason });
  }

  function known(adapter: string, at: Ms, out: RouterEffect[]): void {
    granted(overload.known(adapter, registry.windowOf(adapter), at), at, out);
  }

  return { step, refusal: (caller, at) => overload.refusal(caller, at), lanes, overload, registry, streams, learning };
}
