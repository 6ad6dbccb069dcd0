import { ibanIsValid, luhnIsValid } from "./check-digits.js";

/** What the default redactor knows. */
export const redactKinds = [
  "private_key",
  "token",
  "api_key",
  "email",
  "iban",
  "card",
  "ssn",
  "phone",
  "ip_address",
] as const;

/** A kind of secret or personal data. */
export type RedactKind = (typeof redactKinds)[number];

/** A text without what was looked for, and how often each kind was there. */
export interface Redaction {
  readonly text: string;
  readonly found: Readonly<Partial<Record<string, number>>>;
}

/** Takes secrets and personal data out of a text. Must not throw. @param kinds those to look for; absent: all it knows */
export type Redactor = (text: string, kinds?: readonly string[]) => Redaction;

interface Rule {
  readonly kind: RedactKind;
  readonly pattern: RegExp;
  /** Decides about what the pattern found. */
  readonly holds?: (match: string) => boolean;
}

/**
 * In this order: what is longest and most certain first, so that a part of it is not taken for something else. Patterns have no
 * nested repetition: their time grows with the text, whatever it holds.
 */
const rules: readonly Rule[] = [
  {
    kind: "private_key",
    pattern: /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,16384}-----END [A-Z ]{0,40}PRIVATE KEY-----/g,
  },
  { kind: "token", pattern: /\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{16,2048}/g },
  {
    kind: "api_key",
    pattern:
      /\b(?:sk-[A-Za-z0-9_-]{20,256}|AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255}|xox[abprs]-[A-Za-z0-9-]{10,255}|AIza[A-Za-z0-9_-]{35}|glpat-[A-Za-z0-9_-]{20,64}|atpk_[A-Za-z0-9.-]{1,64}_[A-Za-z0-9_-]{43})/g,
  },
  { kind: "email", pattern: /\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/g },
  { kind: "iban", pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, holds: ibanIsValid },
  { kind: "card", pattern: /\b\d(?:[ -]?\d){12,18}\b/g, holds: luhnIsValid },
  { kind: "ssn", pattern: /\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b/g },
  { kind: "phone", pattern: /(?:\+\d{1,3}[ .-]?)(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}\b/g },
  { kind: "ip_address", pattern: /\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b/g },
];

/**
 * The default redactor: keys and tokens by their published forms, personal data by patterns and check digits (ISO 7064 for IBAN,
 * Luhn for cards). Each find becomes `[redacted <kind>]`. It knows forms, not meanings: names, addresses and free text stay.
 */
export const redactText: Redactor = (text, kinds = redactKinds) => {
  const found: Partial<Record<string, number>> = {};
  let left = text;
  for (const { kind, pattern, holds } of rules) {
    if (!kinds.includes(kind)) continue;
    left = left.replace(pattern, (match) => {
      if (holds !== undefined && !holds(match)) return match;
      found[kind] = (found[kind] ?? 0) + 1;
      return `[redacted ${kind}]`;
    });
  }
  return { text: left, found };
};

/** The same over every string of a JSON value, its names excepted. */
export function redactJson<T>(
  value: T,
  redactor: Redactor,
  kinds?: readonly string[],
): { value: T; found: Redaction["found"] } {
  const found: Partial<Record<string, number>> = {};
  const walk = (part: unknown): unknown => {
    if (typeof part === "string") {
      const result = redactor(part, kinds);
      for (const [kind, count] of Object.entries(result.found)) found[kind] = (found[kind] ?? 0) + (count ?? 0);
      return result.text;
    }
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part === "object" && part !== null)
      return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, walk(member)]));
    return part;
  };
  return { value: walk(value) as T, found };
}
