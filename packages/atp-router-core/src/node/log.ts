import { destination, pino, stdTimeFunctions } from "pino";
import type { Logger } from "pino";
import type { Observation, Observer } from "../ports/index.js";

/** Levels of `LOG_LEVEL`. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** Characters that may wait for a sink that does not take them; further lines are dropped and counted. */
const MAX_WAITING = 1_048_576;

/** How long the end of a process waits for its last lines. */
const CLOSE_MS = 1_000;

/** Options of {@link processLog}. */
export interface ProcessLogOptions {
  /** Members of every line. @default none */
  readonly base?: Readonly<Record<string, unknown>>;
}

/** The log of a process. */
export interface ProcessLog {
  readonly log: Logger;
  /** Lines that found no room so far. */
  readonly dropped: number;
  /** Resolves when everything is written, or after {@link CLOSE_MS} when nobody takes it. The process then ends without a wait. */
  close(): Promise<void>;
}

/**
 * A log of JSON lines on standard error. Lines are written together. A reader that stops holds up nobody: lines wait up to a
 * bound, then they are dropped, and how many is the next line that is taken.
 */
export function processLog(level: string = "info", options: ProcessLogOptions = {}): ProcessLog {
  const sink = destination({ dest: 2, sync: false, minLength: 4_096, periodicFlush: 200, maxLength: MAX_WAITING });
  const log = pino({ level, base: options.base ?? null, timestamp: stdTimeFunctions.isoTime }, sink);
  let dropped = 0;
  let unsaid = 0;
  sink.on("drop", () => {
    dropped++;
    unsaid++;
  });
  sink.on("drain", () => {
    if (unsaid === 0) return;
    const lost = unsaid;
    unsaid = 0;
    log.warn({ lost }, "log lines were dropped: nobody took them");
  });
  return {
    log,
    get dropped() {
      return dropped;
    },
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => {
          // Else the end of the process would try to write what is left, and wait for ever.
          sink.destroy();
          resolve();
        }, CLOSE_MS);
        sink.flush(() => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}

/** The lines of {@link processLog}, for a program that ends by itself. */
export function createLogger(level: string = "info"): Logger {
  return processLog(level).log;
}

/** Writes what a router tells: one line for each ended stream, never a prompt, an answer or a token. */
export function logObserver(log: Logger): Observer {
  const info = log.isLevelEnabled("info");
  function observe(o: Observation): void {
    switch (o.t) {
      case "stream.ended": {
        if (!info) return;
        const { key, tenant, qos, strategy, taskType, outcome, telemetry: t } = o;
        const adapters = t.adapters?.map((a) => `${a.name}:${a.outcome}`);
        log.info(
          {
            key,
            tenant,
            qos,
            strategy,
            taskType,
            outcome,
            tokens: t.tokens,
            usd: t.usd,
            latencyMs: t.latency_ms,
            ttfpMs: t.ttfp_ms,
            queueMs: t.queue_ms,
            adapters,
          },
          "stream ended",
        );
        return;
      }
      case "stream.decision":
        log.debug({ key: o.key, tenant: o.tenant, record: o.record }, "decision");
        return;
      case "stream.judged":
        return;
      case "adapter.status":
        log[o.to === "READY" ? "info" : "warn"](
          { adapter: o.adapter, from: o.from, to: o.to, reason: o.reason },
          "adapter status",
        );
        return;
      case "adapter.failed":
        log.warn(
          { adapter: o.adapter, key: o.key, kind: o.failure.kind, reason: o.failure.message },
          "adapter call failed",
        );
        return;
      case "adapter.overrun":
        log.warn(
          { adapter: o.adapter, key: o.key, dimension: o.dimension, held: o.held, used: o.used },
          "adapter billed above its hold",
        );
        return;
      case "policy.denied":
        log.info({ key: o.key, tenant: o.tenant, reasons: o.reasons }, "policy denied");
        return;
      case "violation":
        log.warn(
          { code: o.error.code, reason: o.error.message, details: o.error.details, remote: o.remote },
          "frame refused",
        );
        return;
      case "memory.written":
        if (o.problem === undefined) log.debug({ key: o.key, namespace: o.namespace, keys: o.keys }, "memory written");
        else
          log.warn(
            { key: o.key, tenant: o.tenant, namespace: o.namespace, keys: o.keys, reason: o.problem },
            "memory is not written",
          );
        return;
      case "replay.failed":
        log.warn({ err: o.error }, "the store of shared sessions did not answer");
        return;
      case "session.adopted":
        log.warn(
          { session: o.session, owner: o.owner, streams: o.streams, cut: o.cut },
          "a session of a lost router goes on here",
        );
        return;
      case "defect":
        log.error({ id: o.id, where: o.where, err: o.error }, "defect");
        return;
      case "socket.opened":
      case "socket.closed":
        log.debug({ sockets: o.sockets }, o.t);
        return;
    }
  }
  return { observe };
}

/** Several observers as one. */
export function observers(...all: readonly Observer[]): Observer {
  return {
    observe(observation) {
      for (const one of all) one.observe(observation);
    },
  };
}
