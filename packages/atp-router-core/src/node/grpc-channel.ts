import type { Failure } from "../model/index.js";
import type { Clock } from "../ports/index.js";
import { ChannelCall } from "./grpc-call.js";
import type { CallListener, CallRequest, GrpcCall } from "./grpc-call.js";
import { GrpcSession } from "./grpc-session.js";
import type { SessionEvents, Target } from "./grpc-session.js";

/** An adapter that comes back is found within two seconds; until then its calls fail at once. */
const MIN_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 2_000;
/** A peer that takes few calls on each connection gets no more connections than these; further calls wait. */
const MAX_SESSIONS = 16;

const unreachable: Failure = { kind: "unavailable", message: "cannot be reached", sent: false };

/**
 * gRPC calls to one address. It connects on the first call, which waits for the attempt, as far as its deadline allows. When an
 * attempt failed, calls fail at once and it tries again by itself until it is connected.
 *
 * A call goes to a session that has room by the peer's MAX_CONCURRENT_STREAMS, and a session more is opened when none has. Node
 * would take calls beyond that limit and queue them out of sight: one that ran into its deadline there could not be told from one
 * that the adapter saw. Here a call is either on the wire or never left.
 */
export class GrpcChannel {
  private readonly sessions = new Set<GrpcSession>();
  private readonly calls = new Set<ChannelCall>();
  private readonly waiting = new Set<ChannelCall>();
  private connecting: GrpcSession | undefined;
  /** The last attempt failed, and no session is there. */
  private failing = false;
  private backoffMs = MIN_BACKOFF_MS;
  private stopRetry: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly target: Target,
    private readonly clock: Clock,
  ) {}

  /** Starts a call. */
  start(request: CallRequest, listener: CallListener): GrpcCall {
    const call = new ChannelCall(request, listener, this.clock, this.left);
    this.calls.add(call);
    if (this.closed || this.failing) {
      const failure = this.closed ? gone(false) : unreachable;
      queueMicrotask(() => call.fail(failure));
    } else if (request.deadlineAt > this.clock.now()) {
      this.waiting.add(call);
      this.place();
    }
    return call;
  }

  /** Ends its connections; running calls fail, and later ones at once. */
  close(): void {
    this.closed = true;
    this.stopRetry?.();
    for (const call of this.calls) call.fail(gone(call.sent));
    for (const session of this.sessions) session.destroy();
    this.connecting?.destroy();
  }

  private roomy(): GrpcSession | undefined {
    for (const session of this.sessions) if (session.room) return session;
    return undefined;
  }

  /** Puts calls that wait on sessions with room; connects when some are left. */
  private place(): void {
    if (this.closed) return;
    for (const call of this.waiting) {
      const session = this.roomy();
      if (session === undefined) break;
      this.waiting.delete(call);
      call.run(session);
    }
    if (this.waiting.size > 0) this.connect();
    this.connecting?.hold(this.waiting.size > 0);
  }

  private connect(): void {
    if (this.connecting !== undefined || this.stopRetry !== undefined) return;
    if (this.sessions.size < MAX_SESSIONS) this.connecting = new GrpcSession(this.target, this.clock, this.events);
  }

  private readonly left = (call: ChannelCall, session: GrpcSession | undefined): void => {
    this.calls.delete(call);
    session?.release();
    const waited = this.waiting.delete(call);
    if (waited || this.waiting.size > 0) this.place();
  };

  private readonly events: SessionEvents = {
    ready: (session) => {
      if (session === this.connecting) {
        this.connecting = undefined;
        this.failing = false;
        this.backoffMs = MIN_BACKOFF_MS;
        this.sessions.add(session);
      }
      this.place();
    },
    ended: (session) => {
      this.sessions.delete(session);
      if (session === this.connecting) {
        this.connecting = undefined;
        this.retryLater();
      }
      // Without a session nothing can end that they wait for.
      if (this.failing) for (const call of this.waiting) call.fail(unreachable);
      else if (this.waiting.size > 0) this.place();
    },
  };

  /** The attempt failed. */
  private retryLater(): void {
    if (this.closed) return;
    this.failing = this.sessions.size === 0;
    this.stopRetry = this.clock.at(this.clock.now() + this.backoffMs, () => {
      this.stopRetry = undefined;
      if (this.failing || this.waiting.size > 0) this.connect();
      this.connecting?.hold(this.waiting.size > 0);
    });
    this.backoffMs = Math.min(MAX_BACKOFF_MS, this.backoffMs * 2);
  }
}

/** The failure of a call on a channel that was closed. */
function gone(sent: boolean): Failure {
  return { kind: "unavailable", message: "the router closed its connection", sent };
}
