import { destination, pino, stdTimeFunctions } from "pino";
import type { Logger } from "pino";
import type { Observation, Observer } from "../ports/index.js";

/** Levels of `LOG_LEVEL`. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** A log of JSON lines on standard error. Lines are written together, and at once when the process ends. */
export function createLogger(level: string = "info"): Logger {
  return pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime },
    destination({ dest: 2, sync: false, minLength: 4_096, periodicFlush: 200 }),
  );
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
