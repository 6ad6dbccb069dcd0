import { AtpError } from "atp-protocol";
import type { Qos, RequestContent } from "atp-protocol";
import { meta as metaSchema, requestContent as requestContentSchema } from "atp-protocol/schema";
import type { Principal, Task } from "../model/index.js";

/** The checked question of a SYN or of a dry run. */
export interface ParseOptions {
  readonly meta: unknown;
  readonly payload: { readonly type: string; readonly content: unknown } | undefined;
  readonly qos: Qos;
  readonly principal: Principal;
  /** Streams of this connection can outlive it. */
  readonly resumable: boolean;
}

/** Payload types that a SYN may carry; the second because the original description writes it so (A4). */
const requestTypes = new Set(["agent.request", "agent.result.partial"]);

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function explain(part: string, issues: readonly Issue[]): AtpError {
  const issue = issues[0];
  const path = [part, ...(issue?.path ?? [])].map(String).join(".");
  return new AtpError("EPROTO", `${path}: ${issue?.message ?? "is malformed"}`, {
    details: { rule: part === "meta" ? "A3" : "A4.1", path },
  });
}

/**
 * The task of a SYN.
 * @throws AtpError `EPROTO` when a member has the wrong type or shape, `ESEC` when memory of another tenant is named.
 */
export function parseTask({ meta, payload, qos, principal, resumable }: ParseOptions): Task {
  if (payload === undefined)
    throw new AtpError("EPROTO", "A SYN needs a payload with the request.", { details: { rule: "A4.1" } });
  if (!requestTypes.has(payload.type)) {
    throw new AtpError("EPROTO", `A SYN's payload is an agent.request, not ${payload.type}.`, {
      details: { rule: "A4.1" },
    });
  }
  const parsedContent = requestContentSchema.safeParse(payload.content);
  if (!parsedContent.success) throw explain("payload.content", parsedContent.error.issues);
  const parsedMeta = metaSchema.safeParse(meta ?? {});
  if (!parsedMeta.success) throw explain("meta", parsedMeta.error.issues);
  const content = parsedContent.data as RequestContent;
  const m = parsedMeta.data;
  const memory = m.memory;
  if (memory !== undefined && memory.namespace.split("/")[0] !== principal.tenant) {
    throw new AtpError("ESEC", `meta.memory.namespace must start with your tenant, ${principal.tenant}.`, {
      details: { rule: "A3", tenant: principal.tenant },
    });
  }
  return {
    taskType: m.task_type ?? "general",
    content,
    strategy: m.strategy ?? "auto",
    promptJson: promptJsonOf(content),
    toolPermissions: m.tool_permissions ?? [],
    dataScope: m.data_scope ?? [],
    meta: m,
    ...(memory === undefined
      ? {}
      : {
          memory: {
            namespace: memory.namespace,
            read: memory.read ?? [],
            write: memory.write === undefined ? [] : typeof memory.write === "string" ? [memory.write] : memory.write,
          },
        }),
    ...(m.deadline_ms === undefined ? {} : { deadlineMs: m.deadline_ms }),
    // Without resume nobody could read what runs on, unless the same key asks for it again (D, amended).
    onDisconnect:
      resumable || m.idempotency_key !== undefined
        ? (m.on_disconnect ?? (resumable && qos !== "bronze" ? "continue" : "cancel"))
        : "cancel",
    ...(m.trace === undefined ? {} : { trace: m.trace }),
    ...(m.idempotency_key === undefined ? {} : { idempotencyKey: m.idempotency_key }),
  } as Task;
}

/** A request's content as adapters get it, without its clip: the router writes that in for each call. */
export function promptJsonOf(content: RequestContent): string {
  const { max_output_tokens: _clip, ...asked } = content;
  return JSON.stringify(asked);
}
