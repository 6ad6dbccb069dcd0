import { AtpError } from "atp-protocol";
import { canonicalJson } from "atp-protocol/integrity";
import type { Principal, Task } from "../model/index.js";
import type { SharingRules, SharingSyn } from "./shared-runs.js";

/** How long a key stands for its run, and what one tenant may have kept (A9.4). */
const KEPT_MS = 3_600_000;
const MAX_KEYS = 10_000;
const MAX_BYTES = 64 * 1_048_576;

/** Runs by idempotency key: the same SYN twice is one run, paid once (A9.4). */
export const idempotencyRules: SharingRules = {
  keptMs: KEPT_MS,
  maxRuns: MAX_KEYS,
  maxBytes: MAX_BYTES,
  // What spent nothing binds nothing: an honest retry is to run.
  keeps: (end) => end.by === "final" || end.error.processed !== "no",
  told: (telemetry) => ({ ...telemetry, replayed: true }),
  clash() {
    throw new AtpError("EDUP", "This idempotency key stands for another request. Choose a new one.", {
      details: { rule: "A9.4" },
    });
  },
  full({ runs, bytes }) {
    throw new AtpError("EOVERLOAD", "This tenant has too many idempotency keys. Try again later, or without one.", {
      details: { rule: "A9.4", keys: runs, bytes },
    });
  },
};

/** The run that a task's idempotency key stands for; undefined without one. */
export function idempotentRun(
  task: Task,
  { tenant, subject }: Principal,
): Pick<SharingSyn, "name" | "content"> | undefined {
  const { idempotencyKey } = task;
  if (idempotencyKey === undefined) return undefined;
  return {
    name: JSON.stringify([tenant, subject, idempotencyKey]),
    content: canonicalJson([task.content, task.taskType, task.meta["strategy"] ?? null]),
  };
}
