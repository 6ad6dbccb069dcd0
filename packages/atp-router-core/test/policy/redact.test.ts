import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redactJson, redactKinds, redactText } from "../../src/policy/index.js";
import type { RedactKind } from "../../src/policy/index.js";

/** Each kind: one that is, and one that differs in a single thing and is not. */
const pairs: readonly [RedactKind, string, string][] = [
  ["email", "ann.lee+x@mail.example.com", "ann.lee at mail.example.com"],
  ["card", "4111 1111 1111 1111", "4111 1111 1111 1112"],
  ["card", "378282246310005", "378282246310006"],
  ["iban", "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"],
  ["iban", "GB82WEST12345698765432", "GB82WEST12345698765433"],
  ["ssn", "123-45-6789", "000-45-6789"],
  ["phone", "+49 (30) 1234 5678", "49 30 12"],
  ["ip_address", "10.20.30.40", "10.20.30.400"],
  ["api_key", `sk-${"a1".repeat(12)}`, "sk-short"],
  ["api_key", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPL"],
  ["api_key", `ghp_${"a".repeat(36)}`, `ghp_${"a".repeat(35)}`],
  ["token", `eyJhbGciOiJFUzI1NiJ9.${"a".repeat(20)}.${"b".repeat(20)}`, "eyJhbGciOiJFUzI1NiJ9.payload"],
  [
    "private_key",
    "-----BEGIN EC PRIVATE KEY-----\nabc=\n-----END EC PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----\nabc=\n-----END PUBLIC KEY-----",
  ],
];

describe("the default redactor", () => {
  it.each(pairs)("takes out %s: %j, and leaves %j", (kind, secret, harmless) => {
    expect(redactText(`before ${secret} after`, [kind])).toEqual({
      text: `before [redacted ${kind}] after`,
      found: { [kind]: 1 },
    });
    expect(redactText(`before ${harmless} after`, [kind])).toEqual({ text: `before ${harmless} after`, found: {} });
  });

  it("knows a pair for every kind", () => {
    expect(new Set(pairs.map(([kind]) => kind))).toEqual(new Set(redactKinds));
  });

  it("looks for the kinds that are asked, for all when none are named", () => {
    const text = "ann@example.com from 10.20.30.40";
    expect(redactText(text, ["email"]).text).toBe("[redacted email] from 10.20.30.40");
    expect(redactText(text).found).toEqual({ email: 1, ip_address: 1 });
    expect(redactText(text, []).text).toBe(text);
  });

  it("walks every string of a request and leaves its names and numbers", () => {
    const content = { messages: [{ role: "user", content: "mail ann@example.com" }], max_output_tokens: 7 };
    expect(redactJson(content, redactText)).toEqual({
      value: { messages: [{ role: "user", content: "mail [redacted email]" }], max_output_tokens: 7 },
      found: { email: 1 },
    });
  });

  it("never throws, and finds nothing a second time", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
        const once = redactText(text).text;
        expect(redactText(once).text).toBe(once);
      }),
      { numRuns: 300 },
    );
  });

  // A pattern that backtracks over such a text would not end within the test's time.
  it.each(["1 ", "a@", "+1 ", "-----BEGIN ", "DE89 "])("reads 100,000 characters of %j in linear time", (piece) => {
    const hostile = piece.repeat(100_000 / piece.length);
    expect(redactText(hostile).found).toEqual({});
  });
});
