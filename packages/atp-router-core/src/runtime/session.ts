import { AtpError, createEndpoint, payloadTypes } from "atp-protocol";
import type { Endpoint, EndpointEffect, EndpointEvent, Frame, StreamRef } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { StreamKey } from "../stream/index.js";
import type { StreamOutput } from "./host.js";
import { NO_KEYS, withKey, withoutKey } from "./stream-keys.js";
import type { StreamKeys } from "./stream-keys.js";
import type { ParseOptions } from "./request.js";
import { createCeilings } from "./session-ceilings.js";
import type { Ceilings } from "./session-ceilings.js";
import { refusedEnd, streamOutput, unaskedInput } from "./session-output.js";
import { sessionSeal } from "./session-seal.js";
import type { SessionTools } from "./session-tools.js";
import { settle, settled } from "./settle.js";
import { sizeOf } from "./size-of.js";
import type { Heir, Line, Parted, Session } from "./session-port.js";

const NO_EFFECTS: EndpointEffect[] = [];

/** Random bytes of an epoch and of a resume token. */
const EPOCH_BYTES = 12;
export const TOKEN_BYTES = 32;

/** Makes the session of a socket that has just opened, of a stream that parted from another one, or a lost router. */
export function createSession(tools: SessionTools, origin: Line | Parted | Heir): Session {
  const id = "id" in origin ? origin.id : tools.rng.hex(EPOCH_BYTES);
  const { clock, emit, integrity } = tools;
  const seal = sessionSeal(integrity, origin.codec, "sealed" in origin && origin.sealed);
  const endpoint: Endpoint = createEndpoint({
    role: "router",
    limits: tools.limits,
    capabilities: seal.capabilities,
    encode: seal.encode,
    sizeOf,
    shared: tools.shared !== undefined,
  });
  let keys: StreamKeys = NO_KEYS;
  /** Made when a client first moves them, as few do. */
  let ceilings: Ceilings | undefined;
  const parted = "parcel" in origin ? origin : undefined;
  /** When the token of a client without HELLO expires: it cannot renew it. */
  let expiresAt: number | undefined;
  let line = "socket" in origin ? origin : undefined;
  let principal = "principal" in origin ? origin.principal : undefined;
  if (principal !== undefined) seal.known(principal);
  /** The client said HELLO. */
  let label = "0";
  let rich = line === undefined;
  /** Tokens stand by which another socket may take this session over. */
  let resumable = false;
  let detachedAt = line === undefined ? clock.now() : undefined;
  /** One socket follows another without a pause: nobody was lost. */
  let moving = false;
  let disposed = false;
  /** The socket that has no room. */
  let full: Line | undefined;
  let stopTimer: (() => void) | undefined;
  let output: StreamOutput | undefined;
  /** Most sessions never need any. */
  const ceilingsOf = (): Ceilings =>
    (ceilings ??= createCeilings({
      lease: tools.leaseLimits,
      tell: control,
      session: (limits) => tools.setSessionLimits(id, limits),
      stream: (ref, limits) => toStream(ref, (key) => emit({ t: "client.window", at: clock.now(), key, limits })),
    }));

  /** What is caused while other effects are performed. */
  let pending: EndpointEffect[] = NO_EFFECTS;
  let performing = false;

  /** Effects are performed in the order they were asked for: what an effect causes waits for those before it. */
  function step(event: EndpointEvent): void {
    if (disposed) return;
    const { resumeUrl } = tools;
    const effects = endpoint.step(event.t === "drain" && resumeUrl !== undefined ? { ...event, resumeUrl } : event);
    tools.changed(session);
    if (effects.length === 0) return;
    if (performing) {
      if (pending === NO_EFFECTS) pending = [...effects];
      else for (const effect of effects) pending.push(effect);
      return;
    }
    performing = true;
    try {
      for (const effect of effects) perform(effect);
      for (let i = 0; i < pending.length; i++) perform(pending[i] as EndpointEffect);
    } finally {
      pending = NO_EFFECTS;
      performing = false;
    }
  }

  function perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        return line?.socket.send(effect.data);
      case "timer":
        stopTimer?.();
        stopTimer =
          effect.at === null ? undefined : clock.at(effect.at, () => step({ t: "timer.fired", at: clock.now() }));
        return;
      case "ping":
        return line?.socket.ping();
      case "close":
        return line?.socket.close(effect.code, effect.reason);
      case "terminate":
        return line?.socket.terminate();
      case "reading":
        return line?.socket.setReading(effect.on);
      case "hello":
        rich = true;
        label = effect.sessionId;
        seal.announced(effect.hello.capabilities);
        line?.greet(effect.hello);
        return;
      case "tokens":
        resumable = effect.valid.length > 0;
        if (principal !== undefined) tools.shared?.tokens(id, principal, effect.valid);
        tools.tokens(session, effect.valid);
        endIfOver();
        return;
      case "stream.opened":
        return streamWork().open(effect.stream, effect.frame);
      case "stream.cancelled":
        toStream(effect.stream, (key) => emit({ t: "client.cancelled", at: clock.now(), key, reason: effect.reason }));
        return;
      case "stream.detached": {
        toStream(effect.stream, (key) => emit({ t: moving ? "outbox.room" : "client.detached", at: clock.now(), key }));
        return;
      }
      case "stream.snapshot":
        toStream(effect.stream, (key) => emit({ t: "client.gap", at: clock.now(), key }));
        return;
      case "window":
        ceilingsOf().update(effect);
        return;
      case "outbox.full":
      case "outbox.room": {
        const { t, stream } = effect;
        if (stream !== null) return toStream(stream, (key) => emit({ t, at: clock.now(), key, of: "stream" }));
        full = t === "outbox.full" ? line : undefined;
        for (const key of keys.values()) emit({ t, at: clock.now(), key, of: "socket" });
        return;
      }
      case "stream.message":
        // No adapter asks questions yet: input has nobody to go to, and its sender is told.
        step({ t: "stream.consumed", at: clock.now(), stream: effect.stream, seq: effect.frame.msg_seq });
        control(effect.stream, unaskedInput());
        return;
      case "violation":
        tools.observer?.observe({ t: "violation", error: effect.error, remote: line?.remote ?? "detached" });
        return;
      case "control":
        line?.renew(effect.frame.payload?.content);
        return;
      case "stream.kept":
        tools.shared?.kept(id, effect.stream, effect.message);
        return;
      case "stream.acked":
        tools.shared?.acked(id, effect.stream, effect.seq);
        return;
      // The stream is this session's and its session this principal's; the endpoint lets one word through (A5.3).
      case "feedback":
        return tools.feedback(`${id}/${effect.stream}`, effect.content);
      case "stream.detach":
        return streamWork().letGo(effect.stream);
      case "stream.parted":
        return streamWork().partFrom(effect);
      // A stream that has a reader again goes on as it was; the rest is the client's side.
      default:
    }
  }

  function toStream(ref: StreamRef, fn: (key: StreamKey) => void): void {
    const key = keys.get(ref);
    if (key !== undefined) fn(key);
  }

  /** What is done about single streams: made when there is one to do it for, since idle sessions are many. */
  function streamWork(): {
    readonly open: (ref: StreamRef, frame: Frame) => void;
    readonly letGo: typeof letGo;
    readonly partFrom: typeof partFrom;
  } {
    function identified(then: (who: Principal) => void, otherwise: (error: AtpError) => void): void {
      if (principal === undefined)
        line?.identify((who) => {
          principal = who.principal;
          expiresAt = who.expiresAt;
          then(principal);
        }, otherwise);
      else if (rich || expiresAt === undefined || clock.wall() < expiresAt) then(principal);
      else otherwise(new AtpError("EAUTH", "The token has expired. Connect again.", { details: { expired: true } }));
    }

    function openStream(ref: StreamRef, frame: Frame, who: Principal): void {
      // Its socket may have gone while its credentials were looked at: then nobody could read it.
      if (disposed || (line === undefined && !resumable)) return;
      const key = `${id}/${ref}`;
      try {
        tools.admit();
        keys = withKey(keys, ref, key);
        const qos = frame.qos ?? "silver";
        const parse: ParseOptions = { meta: frame.meta, payload: frame.payload, qos, principal: who, resumable };
        const sessionLimits = ceilings?.session() ?? tools.leaseLimits;
        const asked = { key, ref, parse, frame, rich, dryRun: false, session: id, sessionLimits, output: outputOf() };
        tools.open(asked, who);
        // It was not there when this was told.
        if (full !== undefined && full === line) emit({ t: "outbox.full", at: clock.now(), key, of: "socket" });
      } catch (error) {
        keys = withoutKey(keys, ref);
        refuse(ref, AtpError.from(error));
      }
    }

    /** A client lets go of a stream: it gets a token, by which anybody of its principal can take it up (A9.2). */
    function letGo(stream: StreamRef): void {
      const resumeToken = tools.rng.hex(TOKEN_BYTES);
      settle(
        () =>
          settled(tools.hash(resumeToken), (resumeTokenId) =>
            step({ t: "stream.part", at: clock.now(), stream, resumeToken, resumeTokenId }),
          ),
        (error) => control(stream, { type: payloadTypes.error, content: AtpError.from(error).toContent() }),
      );
    }

    function partFrom({ stream, parcel, tokenId }: Extract<EndpointEffect, { t: "stream.parted" }>): void {
      const key = keys.get(stream);
      keys = withoutKey(keys, stream);
      ceilings?.forget(stream);
      if (key === undefined || principal === undefined) return;
      const { codec } = origin;
      const { sealed } = seal;
      const next = createSession(tools, { codec, principal, ref: stream, key, parcel, tokenId, sealed });
      // Nobody was lost: it goes on, whatever it does on a disconnect.
      emit({ t: "outbox.room", at: clock.now(), key });
      tools.opened(next);
      tools.parted(key, next, session);
      next.step({ t: "session.restore", at: clock.now(), parcel, tokenId });
    }

    const open = (ref: StreamRef, frame: Frame): void =>
      identified(
        (who) => openStream(ref, frame, who),
        (error) => refuse(ref, error),
      );
    return { open, letGo, partFrom };
  }

  function refuse(ref: StreamRef, error: AtpError): void {
    step(refusedEnd(ref, error, clock.now()));
  }

  function control(ref: StreamRef | null, payload: { type: string; content: unknown }): void {
    step({ t: "stream.control", at: clock.now(), stream: ref, payload });
  }

  /** Without a socket and without a token nobody can come back; what still runs is on its way to its end. */
  function endIfOver(): void {
    if (line === undefined && !resumable && keys.size === 0) dispose();
  }

  function dispose(): void {
    if (disposed) return;
    disposed = true;
    stopTimer?.();
    line = undefined;
    tools.disposed(session);
  }

  /** Made for the first stream. */
  const outputOf = (): StreamOutput =>
    (output ??= streamOutput({
      now: () => clock.now(),
      step,
      ended(ref) {
        keys = withoutKey(keys, ref);
        ceilings?.forget(ref);
      },
      numbered: (ref, payload) => ceilingsOf().numbered(ref, payload),
      settled: endIfOver,
    }));

  if (parted !== undefined) keys = withKey(keys, parted.ref, parted.key);
  const session: Session = {
    id,
    get output() {
      return outputOf();
    },
    get principal() {
      return principal;
    },
    get detachedAt() {
      return detachedAt;
    },
    step,
    codec: origin.codec,
    label: () => label,
    grant(who, grant) {
      principal = who;
      seal.known(who);
      step({ t: "hello.granted", at: clock.now(), grant });
    },
    attach(next, hello, grant, shownTokenId) {
      const at = clock.now();
      if (line !== undefined) {
        line.superseded();
        moving = true;
        step({ t: "socket.closed", at, code: 4409, reason: "superseded" });
        moving = false;
      }
      line = next;
      detachedAt = undefined;
      seal.announced(hello.capabilities);
      if (principal !== undefined) seal.known(principal);
      step({ t: "session.attach", at, hello, grant, shownTokenId });
    },
    left(code, reason) {
      line = undefined;
      detachedAt = clock.now();
      step({ t: "socket.closed", at: clock.now(), code, reason });
      endIfOver();
    },
    dispose,
    evict: () => step({ t: "session.evict", at: clock.now() }),
    bytes: () => endpoint.bytes(),
  };
  return session;
}
