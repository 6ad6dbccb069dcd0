import { createHmac, hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { canonicalJson } from "atp-protocol/integrity";

/** What an audit log says of one event, before it is chained. */
export type AuditEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** One line of an audit log. */
export type AuditRecord = AuditEvent & {
  /** From 1, without gaps. */
  readonly seq: number;
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** The hash of the record before; 64 zeros for the first. */
  readonly prev: string;
  /** SHA-256, or HMAC-SHA-256 under the log's key, of the record without it, as canonical JSON (RFC 8785). */
  readonly hash: string;
};

/** What the first record follows. */
export const GENESIS = "0".repeat(64);

/** The hash of a record that has none yet. @param text the record as canonical JSON */
export function hashOfText(text: string, key: string | undefined): string {
  return key === undefined ? hash("sha256", text, "hex") : createHmac("sha256", key).update(text).digest("hex");
}

/** What a verifier found. */
export type AuditVerdict =
  | { readonly ok: true; readonly records: number; readonly head: string; readonly lost: number }
  | { readonly ok: false; readonly line: number; readonly reason: string };

/** Options of {@link verifyAuditLog}. */
export interface VerifyAuditOptions {
  /** The log's key, when it has one. */
  readonly key?: string;
  /** A hash that was noted elsewhere: it must be in the log, so that the end cannot have been cut off before it. */
  readonly expect?: string;
}

/**
 * Reads a log from its beginning: every record must follow the one before, and be what it says. A half line, which a crash leaves, is
 * taken where the next record says that it was found. `lost` counts the records that the log itself says it had no room for.
 */
export async function verifyAuditLog(file: string, options: VerifyAuditOptions = {}): Promise<AuditVerdict> {
  let head = GENESIS;
  let seq = 0;
  let line = 0;
  let lost = 0;
  let torn = false;
  let seen = options.expect === undefined || options.expect === GENESIS;
  for await (const text of createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Infinity })) {
    line++;
    const record = parsed(text);
    if (record === undefined) {
      if (torn) return { ok: false, line, reason: "is no record" };
      torn = true;
      continue;
    }
    if (torn && record.event !== "log.recovered")
      return { ok: false, line, reason: "follows a half line without saying so" };
    torn = false;
    if (record.seq !== seq + 1) return { ok: false, line, reason: `has number ${record.seq} after ${seq}` };
    if (record.prev !== head) return { ok: false, line, reason: "does not follow the record before" };
    const { hash: told, ...rest } = record;
    if (hashOfText(canonicalJson(rest), options.key) !== told)
      return { ok: false, line, reason: "was changed, or its key is another" };
    seq = record.seq;
    head = told;
    if (record.event === "log.gap") lost += Number(record["lost"] ?? 0);
    if (told === options.expect) seen = true;
  }
  if (torn) return { ok: false, line, reason: "is a half line at the end" };
  if (!seen) return { ok: false, line, reason: "the expected record is not in the log: it was cut off or replaced" };
  return { ok: true, records: seq, head, lost };
}

function parsed(text: string): AuditRecord | undefined {
  try {
    const value = JSON.parse(text) as Partial<AuditRecord> | null;
    const whole =
      typeof value?.seq === "number" &&
      typeof value.prev === "string" &&
      typeof value.hash === "string" &&
      value.event !== undefined;
    return whole ? (value as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}
