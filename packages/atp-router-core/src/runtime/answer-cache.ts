import { canonicalJson } from "atp-protocol/integrity";
import type { Telemetry } from "atp-protocol";
import type { Principal, Task } from "../model/index.js";
import type { SharingRules, SharingSyn } from "./shared-runs.js";

/** Answers that are given again. */
export interface AnswerCacheConfig {
  /** How long an answer counts. */
  readonly ttlMs: number;
  /** Answers that one tenant may have kept. @default 1000 */
  readonly maxAnswers?: number;
  /** What they may take together, in bytes of JSON. @default 16777216 */
  readonly maxBytes?: number;
}

/** Members of `meta` that say nothing of what is asked. */
const unrelated = new Set(["trace", "deadline_ms", "idempotency_key", "on_disconnect", "cache"]);

/**
 * The same question by the same tenant, about data of the same scope, from callers whom policy sees alike, is one run: those who ask
 * while it goes on wait for it, and those who ask later get its answer, for nothing. Only answers are kept, never errors.
 */
export function cacheRules({ ttlMs, maxAnswers = 1_000, maxBytes = 16 * 1_048_576 }: AnswerCacheConfig): SharingRules {
  return {
    keptMs: ttlMs,
    maxRuns: maxAnswers,
    maxBytes,
    keeps: (end) => end.by === "final",
    told: free,
    clash: () => undefined,
    full: () => undefined,
  };
}

/** The bill of an answer that cost nothing now, and what it had cost. */
function free({ tokens, usd, strategy, agreement }: Telemetry): Telemetry {
  return {
    tokens: 0,
    usd: 0,
    latency_ms: 0,
    in_tokens: 0,
    out_tokens: 0,
    adapters: [],
    replayed: true,
    cached: { tokens, usd },
    ...(strategy === undefined ? {} : { strategy }),
    ...(agreement === undefined ? {} : { agreement }),
  };
}

/**
 * The run that a question can share; undefined when it must be asked: it reads or writes memory, whose content changes, or the client
 * says `meta.cache: false`.
 */
export function cachedRun(task: Task, principal: Principal): Pick<SharingSyn, "name" | "content"> | undefined {
  if (task.memory !== undefined || task.meta["cache"] === false) return undefined;
  const meta = Object.fromEntries(Object.entries(task.meta).filter(([name]) => !unrelated.has(name)));
  const name = canonicalJson([
    principal.tenant,
    [...principal.roles].sort(),
    [...task.dataScope].sort(),
    [...task.toolPermissions].sort(),
    task.taskType,
    task.strategy,
    meta,
    task.content,
  ]);
  return { name, content: "" };
}
