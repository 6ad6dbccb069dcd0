import { AtpError, closeCodes, createEndpoint, decodeFrame, encodeFrame, payloadTypes, utf8Length } from "atp-protocol";
import type { Endpoint, EndpointEffect, EndpointEvent, Frame, HelloContent, StreamRef, WireLimits } from "atp-protocol";
import { fromWindow, toWindow } from "../model/index.js";
import type { Limits, Principal } from "../model/index.js";
import type { Clock, Observer } from "../ports/index.js";
import type { StreamEnd, StreamKey } from "../stream/index.js";
import type { Emit, StreamOutput } from "./host.js";
import type { ParseOptions } from "./request.js";
import type { Lease } from "./router.js";
import type { SocketHandler, SocketInfo, SocketPort } from "./socket.js";

/** A checked SYN, on its way to the router's machine. */
export interface Opened {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  readonly parse: ParseOptions;
  readonly frame: Frame;
  /** The client said HELLO. */
  readonly rich: boolean;
  readonly dryRun: boolean;
  readonly session: string;
  readonly sessionLimits: Limits;
  readonly output: StreamOutput;
}

/** What a connection needs of its router. */
export interface ConnectionTools {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly observer: Observer | undefined;
  readonly limits: WireLimits;
  readonly lease: Lease;
  readonly server: { readonly name: string; readonly version: string };
  readonly epoch: string;
  /** Tells who shows these credentials, at once when nobody asks. */
  readonly authenticate: (token: string | undefined) => Principal | Promise<Principal>;
  /** Starts a stream. @throws AtpError when it is refused before anything was asked. */
  readonly open: (opened: Opened, principal: Principal) => void;
  readonly setSessionLimits: (limits: Limits) => void;
  readonly closed: (connection: Connection) => void;
}

/** One socket's connection: codec and endpoint on one side, the router's machine on the other. */
export interface Connection extends SocketHandler {
  /** Tells the client that the router drains. */
  drain(): void;
  close(code: number, reason: string): void;
  readonly session: string;
}

/** Takes a socket that opened. */
export function openConnection(tools: ConnectionTools, socket: SocketPort, info: SocketInfo): Connection {
  const { clock, emit } = tools;
  const endpoint: Endpoint = createEndpoint({
    role: "router",
    limits: tools.limits,
    capabilities: [],
    encode: encodeFrame,
    sizeOf: sizeOf,
  });
  const keys = new Map<StreamRef, StreamKey>();
  const session = tools.epoch;
  const lease: Limits = {
    parallel: tools.lease.max_parallel,
    tokens: tools.lease.max_tokens,
    usdMicros: tools.lease.max_usd_micros,
  };
  let sessionLimits: Limits = lease;
  let rich = false;
  let stopTimer: (() => void) | undefined;
  let principal: Principal | undefined;
  /** Numbers of our own window updates, by stream. */
  const updates = new Map<StreamRef | null, number>();

  function step(event: EndpointEvent): void {
    for (const effect of endpoint.step(event)) perform(effect);
  }

  function perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        socket.send(effect.data);
        return;
      case "timer":
        stopTimer?.();
        stopTimer =
          effect.at === null ? undefined : clock.at(effect.at, () => step({ t: "timer.fired", at: clock.now() }));
        return;
      case "ping":
        socket.ping();
        return;
      case "close":
        socket.close(effect.code, effect.reason);
        return;
      case "terminate":
        socket.terminate();
        return;
      case "reading":
        socket.setReading(effect.on);
        return;
      case "hello":
        greet(effect.hello);
        return;
      case "stream.opened":
        identified(
          (who) => openStream(effect.stream, effect.frame, who),
          (error) => refuse(effect.stream, error),
        );
        return;
      case "stream.cancelled":
        toStream(effect.stream, (key) => emit({ t: "client.cancelled", at: clock.now(), key, reason: effect.reason }));
        return;
      case "stream.detached":
        toStream(effect.stream, (key) => emit({ t: "client.detached", at: clock.now(), key }));
        return;
      case "window":
        updateWindow(effect);
        return;
      case "outbox.full":
      case "outbox.room": {
        const t = effect.t;
        const affected = effect.stream === null ? [...keys.values()] : [keys.get(effect.stream)];
        for (const key of affected) if (key !== undefined) emit({ t, at: clock.now(), key });
        return;
      }
      case "stream.message":
        // No adapter asks questions yet: input has nobody to go to, and its sender is told.
        step({ t: "stream.consumed", at: clock.now(), stream: effect.stream, seq: effect.frame.msg_seq });
        control(effect.stream, {
          type: payloadTypes.error,
          content: new AtpError("EPROTO", "This stream asked no question: its input was not used.", {
            details: { rule: "A4" },
          }).toContent(),
        });
        return;
      case "violation":
        tools.observer?.observe({ t: "violation", error: effect.error, remote: info.remote });
        return;
      // Resume is not announced, so nothing asks for snapshots or shows tokens; the rest is the client's side.
      case "stream.snapshot":
      case "tokens":
      case "feedback":
      case "stream.inputEnded":
      case "stream.attached":
      case "welcome":
      case "stream.accepted":
      case "control":
      case "stream.ended":
      case "stream.cut":
        return;
    }
  }

  function toStream(ref: StreamRef, fn: (key: StreamKey) => void): void {
    const key = keys.get(ref);
    if (key !== undefined) fn(key);
  }

  function identified(then: (who: Principal) => void, otherwise: (error: AtpError) => void): void {
    if (principal !== undefined) {
      then(principal);
      return;
    }
    settle(tools.authenticate, info.credentials.token, (who) => then((principal = who)), otherwise);
  }

  function greet(hello: HelloContent): void {
    rich = true;
    const token = hello.token ?? info.credentials.token;
    settle(
      tools.authenticate,
      token,
      (who) => {
        principal = who;
        const grant = {
          epoch: tools.epoch,
          server: tools.server,
          levels: [1],
          lease: tools.lease,
          principal: { tenant: who.tenant, sub: who.subject },
        };
        step({ t: "hello.granted", at: clock.now(), grant });
      },
      (error) =>
        step({ t: "hello.refused", at: clock.now(), error: error.toContent(), closeCode: closeCodes.unauthenticated }),
    );
  }

  function openStream(ref: StreamRef, frame: Frame, who: Principal): void {
    const key = `${session}/${ref}`;
    keys.set(ref, key);
    try {
      const qos = frame.qos ?? "silver";
      const parse: ParseOptions = { meta: frame.meta, payload: frame.payload, qos, principal: who, resumable: false };
      tools.open({ key, ref, parse, frame, rich, dryRun: false, session, sessionLimits, output }, who);
    } catch (error) {
      keys.delete(ref);
      refuse(ref, AtpError.from(error));
    }
  }

  /** A refusal before anything was asked: an RST with a bill of zeros (A11). */
  function refuse(ref: StreamRef, error: AtpError): void {
    const telemetry = { tokens: 0, usd: 0, latency_ms: 0, in_tokens: 0, out_tokens: 0, adapters: [] };
    step({
      t: "stream.end",
      at: clock.now(),
      stream: ref,
      flag: "RST",
      payload: { type: payloadTypes.error, content: error.toContent() },
      telemetry,
    });
  }

  function control(ref: StreamRef | null, payload: { type: string; content: unknown }): void {
    step({ t: "stream.control", at: clock.now(), stream: ref, payload });
  }

  /** A client's new ceilings; what is above its outer scope's is cut to it, and it is told so (A7.6). */
  function updateWindow(effect: Extract<EndpointEffect, { t: "window" }>): void {
    const { window } = effect.content;
    const outer = effect.stream === null ? lease : sessionLimits;
    const granted = fromWindow(window, outer);
    if (effect.stream === null) {
      sessionLimits = granted;
      tools.setSessionLimits(granted);
    } else {
      toStream(effect.stream, (key) => emit({ t: "client.window", at: clock.now(), key, limits: granted }));
    }
    const told = toWindow(granted);
    const cut = (["max_parallel", "max_tokens", "max_usd_micros"] as const).some(
      (name) => (window[name] ?? 0) > (told[name] ?? Infinity),
    );
    if (!cut) return;
    const number = (updates.get(effect.stream) ?? 0) + 1;
    updates.set(effect.stream, number);
    control(effect.stream, { type: payloadTypes.windowUpdate, content: { number, window: told } });
  }

  const output: StreamOutput = {
    accept: (stream, qos, window) => step({ t: "stream.accept", at: clock.now(), stream, qos, window }),
    send: (stream, payload, mergeKey) =>
      step({
        t: "stream.send",
        at: clock.now(),
        stream,
        message: mergeKey === undefined ? { payload } : { payload, mergeKey },
      }),
    control: (stream, payload) => control(stream, payload),
    end(stream, end: StreamEnd) {
      keys.delete(stream);
      updates.delete(stream);
      const { telemetry } = end;
      const at = clock.now();
      if (end.by === "error") {
        step({
          t: "stream.end",
          at,
          stream,
          flag: "RST",
          payload: { type: payloadTypes.error, content: end.error },
          telemetry,
        });
        return;
      }
      const payload = {
        type: payloadTypes.final,
        content: end.content,
        ...(end.confidence === undefined ? {} : { confidence: end.confidence }),
      };
      step({ t: "stream.end", at, stream, flag: "FIN", payload, telemetry });
    },
    explained: () => undefined,
  };

  const connection: Connection = {
    session,
    text(data) {
      const bytes = sizeOf(data);
      const decoded = decodeFrame(data, tools.limits);
      const at = clock.now();
      step(
        decoded.ok
          ? { t: "socket.frame", at, frame: decoded.frame, bytes }
          : { t: "socket.refused", at, refusal: decoded.refusal, bytes },
      );
    },
    binary(data) {
      const refusal = {
        code: "EPROTO" as const,
        message: "A binary message came on the JSON subprotocol. Send text.",
        rule: "A3.4",
      };
      step({ t: "socket.refused", at: clock.now(), refusal, bytes: data.byteLength });
    },
    alive: () => step({ t: "socket.alive", at: clock.now() }),
    flushed: (bytes) => step({ t: "socket.buffered", at: clock.now(), bytes }),
    closed(code, reason) {
      step({ t: "socket.closed", at: clock.now(), code, reason });
      stopTimer?.();
      stopTimer = undefined;
      tools.closed(connection);
    },
    drain: () => step({ t: "drain", at: clock.now() }),
    close: (code, reason) => step({ t: "close", at: clock.now(), code, reason }),
  };
  step({ t: "socket.opened", at: clock.now(), subprotocol: info.subprotocol });
  return connection;
}

/** Bytes on the wire; Node counts them many times faster than a loop can. */
function sizeOf(data: string | Uint8Array): number {
  if (typeof data !== "string") return data.byteLength;
  return typeof Buffer === "undefined" ? utf8Length(data) : Buffer.byteLength(data);
}

function settle(
  authenticate: ConnectionTools["authenticate"],
  token: string | undefined,
  then: (who: Principal) => void,
  otherwise: (error: AtpError) => void,
): void {
  try {
    const who = authenticate(token);
    if (who instanceof Promise) who.then(then, (error: unknown) => otherwise(AtpError.from(error, "EAUTH")));
    else then(who);
  } catch (error) {
    otherwise(AtpError.from(error, "EAUTH"));
  }
}
