/**
 * A role: how a persona reads a question, and where it looks first.
 */
import { ConfigError } from "atp-adapter-kit";
import { parse } from "yaml";
import { z } from "zod";

const text = z.string().trim().min(1);

const roleSchema = z.strictObject({
  name: text.max(128),
  /** Instructions, for an upstream that has a model. */
  system: text.max(16_384),
  style: text.max(2_048).optional(),
  /** Terms added to the question, for an upstream that searches. */
  query_terms: z.array(text.max(200)).max(32).default([]),
  /** Paths or folders that the upstream prefers. */
  required_sources: z.array(text.max(200)).max(32).default([]),
  /** What the persona itself costs for each call, in micro-dollars. */
  overhead_usd_micros: z.number().int().min(0).max(1_000_000_000).default(0),
});

/** A checked role file. */
export type Role = z.infer<typeof roleSchema>;

/** Reads a role from YAML. @throws ConfigError that names the member that is wrong */
export function parseRole(yaml: string): Role {
  let value: unknown;
  try {
    value = parse(yaml);
  } catch (thrown) {
    throw new ConfigError(`ROLE_FILE is not YAML: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  const parsed = roleSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const member = issue?.path.join(".") ?? "";
  throw new ConfigError(`ROLE_FILE: ${member === "" ? "" : `${member}: `}${issue?.message ?? "wrong"}`);
}

/** The role's instructions, before those of the caller. */
export function systemText(role: Role, callers: string | undefined): string {
  return [
    role.system,
    ...(role.style === undefined ? [] : [`Style: ${role.style}`]),
    ...(callers === undefined ? [] : [callers]),
  ].join("\n\n");
}
