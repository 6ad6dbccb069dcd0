import type { Observation, Observer } from "../ports/index.js";
import type { AuditLog } from "./audit-log.js";

/**
 * What of a router goes into its audit log: what was spent and by whom, what was denied and why, what was forged. Never a prompt, an
 * answer or a token.
 */
export function auditObserver(log: AuditLog): Observer {
  return {
    observe(o: Observation) {
      switch (o.t) {
        case "stream.ended": {
          const { key, tenant, qos, strategy, taskType, outcome, telemetry: t } = o;
          const { tokens, usd, latency_ms } = t;
          log.append({ event: o.t, key, tenant, qos, strategy, task_type: taskType, outcome, tokens, usd, latency_ms });
          return;
        }
        case "policy.denied":
          log.append({ event: o.t, key: o.key, tenant: o.tenant, reasons: o.reasons });
          return;
        case "adapter.overrun":
          log.append({
            event: o.t,
            key: o.key,
            adapter: o.adapter,
            dimension: o.dimension,
            held: o.held,
            used: o.used,
          });
          return;
        case "violation":
          if (o.error.code === "ESEC" || o.error.code === "EAUTH")
            log.append({ event: o.t, code: o.error.code, reason: o.error.message, remote: o.remote });
          return;
        case "defect":
          log.append({ event: o.t, id: o.id, where: o.where });
          return;
        default:
          return;
      }
    },
  };
}
