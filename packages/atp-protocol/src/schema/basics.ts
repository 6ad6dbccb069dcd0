import * as z from "zod";
import { qosClasses, strategies } from "../frame/frame.js";

/** An integer of the wire: 0 to 2^53-1 (A3.1). */
export const uint = z.int().min(0);

/** A session or stream id (A3). */
export const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);

/** A share, a confidence: the wire's floats, 0 to 1. */
export const share = z.number().min(0).max(1);

export const qos = z.enum(qosClasses);

/** Absolute ceilings; a missing member means the outer scope's, 0 grants nothing. */
export const window = z.looseObject({
  max_parallel: uint.optional(),
  max_tokens: uint.optional(),
  max_usd_micros: uint.optional(),
});

/** Absolute totals of a stream (A8.1). */
export const credit = z.looseObject({ messages: uint, bytes: uint });

/** Which shared memory a stream reads, and where its FINAL is stored (A3, row `meta`). */
export const memoryRequest = z.looseObject({
  namespace: z.string(),
  read: z.array(z.string()).optional(),
  write: z.union([z.string(), z.array(z.string())]).optional(),
});

/** What a SYN says of its task (A3, row `meta`). */
export const meta = z.looseObject({
  task_type: z.string().optional(),
  tool_permissions: z.array(z.string()).optional(),
  data_scope: z.array(z.string()).optional(),
  languages: z.array(z.string()).optional(),
  risk: z.string().optional(),
  environment_id: z.string().optional(),
  security_groups: z.array(z.string()).optional(),
  trace: z.looseObject({ traceparent: z.string().optional(), tracestate: z.string().optional() }).optional(),
  deadline_ms: uint.optional(),
  idempotency_key: z.string().optional(),
  on_disconnect: z.enum(["continue", "cancel"]).optional(),
  memory: memoryRequest.optional(),
  strategy: z.enum(strategies).optional(),
});

/** Open objects keep members that this version does not know, also in the closed JSON Schema. */
export const open = { open: true } as const;
