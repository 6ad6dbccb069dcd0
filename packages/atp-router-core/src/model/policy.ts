import type { Lane, Limits, Principal, Task } from "./values.js";

/** What a policy is asked about: no prompt, only who asks for what. */
export interface PolicyInput {
  readonly principal: Principal;
  readonly task_type: string;
  readonly qos: Lane;
  readonly tool_permissions: readonly string[];
  readonly data_scope: readonly string[];
  readonly strategy: string;
  readonly window: { readonly max_parallel?: number; readonly max_tokens?: number; readonly max_usd_micros?: number };
  /** Every other member of the SYN's `meta`. */
  readonly meta: Readonly<Record<string, unknown>>;
  readonly adapters: readonly { readonly name: string; readonly tags: readonly string[]; readonly model?: string }[];
}

/** A policy's decision. */
export interface PolicyDecision {
  readonly allow: boolean;
  /** Sentences for the client; on a denial at least one. */
  readonly reasons: readonly string[];
  /** A lower lane than was asked. */
  readonly lane?: Lane;
  /** Ceilings lower than were asked. */
  readonly window?: Limits;
  /** Tags that an adapter must all have. */
  readonly requireTags?: readonly string[];
  /** Answers that must agree. */
  readonly quorum?: number;
  /** Kinds of secrets and personal data to take out of the prompt before anything reads it; true: all that are known. */
  readonly redact?: true | readonly string[];
  /** What must not see the data: logs of prompts, shared memory. */
  readonly forbid?: readonly ("log" | "memory")[];
  /** The engine's own name of this decision, for its log. */
  readonly decisionId?: string;
  /** Which engine decided, such as `cel`, `opa`. */
  readonly engine: string;
}

/** The policy input of a task. */
export function policyInput(
  principal: Principal,
  task: Task,
  qos: Lane,
  window: PolicyInput["window"],
  adapters: PolicyInput["adapters"],
): PolicyInput {
  return {
    principal,
    task_type: task.taskType,
    qos,
    tool_permissions: task.toolPermissions,
    data_scope: task.dataScope,
    strategy: task.strategy,
    window,
    meta: task.meta,
    adapters,
  };
}
