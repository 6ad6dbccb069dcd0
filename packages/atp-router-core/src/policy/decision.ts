import * as z from "zod";
import type { PolicyDecision } from "../model/index.js";

const laneName = z.enum(["gold", "silver", "bronze"]);
const ceiling = z.int().min(0).optional();

/** What an engine may answer beside a plain true or false. */
const decisionSchema = z.looseObject({
  allow: z.boolean(),
  reasons: z.array(z.string()).optional(),
  lane: laneName.optional(),
  window: z.looseObject({ max_parallel: ceiling, max_tokens: ceiling, max_usd_micros: ceiling }).optional(),
  require_tags: z.array(z.string()).optional(),
  quorum: z.int().min(2).optional(),
  redact: z.union([z.boolean(), z.array(z.string())]).optional(),
  forbid: z.array(z.enum(["log", "memory"])).optional(),
});

/**
 * An engine's answer as a decision.
 * @throws Error when it is neither a boolean nor a decision: nothing that is not understood allows anything
 */
export function toDecision(answer: unknown, engine: string, denial: string): PolicyDecision {
  if (typeof answer === "boolean") return { allow: answer, reasons: answer ? [] : [denial], engine };
  const parsed = decisionSchema.safeParse(answer);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(
      `the ${engine} policy answered what is no decision: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    );
  }
  const { allow, reasons, lane, window, require_tags: requireTags, quorum, redact, forbid } = parsed.data;
  return {
    allow,
    // A denial without a reason helps nobody.
    reasons: reasons === undefined || (!allow && reasons.length === 0) ? (allow ? [] : [denial]) : reasons,
    ...(lane === undefined ? {} : { lane }),
    ...(window === undefined
      ? {}
      : {
          window: {
            ...(window.max_parallel === undefined ? {} : { parallel: window.max_parallel }),
            ...(window.max_tokens === undefined ? {} : { tokens: window.max_tokens }),
            ...(window.max_usd_micros === undefined ? {} : { usdMicros: window.max_usd_micros }),
          },
        }),
    ...(requireTags === undefined ? {} : { requireTags }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(redact === undefined || redact === false ? {} : { redact }),
    ...(forbid === undefined ? {} : { forbid }),
    engine,
  };
}
