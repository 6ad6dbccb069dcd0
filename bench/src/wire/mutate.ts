import type { Random } from "../../../packages/atp-protocol/test/support/random.js";

/** What hostile or broken peers put into frames. */
const tokens = [
  "__proto__",
  '"__proto__":{"polluted":1},',
  '"constructor":{"prototype":{"polluted":1}},',
  '"prototype":1,',
  "\\u005f_proto__",
  "\\ud800",
  "\\udc00",
  "\ud83d",
  "\u0000",
  "9007199254740993",
  "1e999",
  "-0",
  "0.5",
  "null",
  "true",
  "[]",
  "{}",
  "[[[[[[[[",
  '{"a":{"a":{"a":',
  '"',
  "\\",
  ",",
  ":",
  "}",
  '["SYN","RST"]',
  '"flags":["HB","CTRL"],',
  '"msg_seq":0,',
  '"ttl":-1,',
  "[".repeat(100),
  '{"a":'.repeat(80),
] as const;

/** A text with one to four changes: cut, repeated, spliced, flipped, or with a hostile token put in. */
export function mutateText(random: Random, text: string, other: string): string {
  let mutated = text;
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(mutated.length + 1);
    const end = Math.min(mutated.length, at + random.below(40));
    switch (random.below(7)) {
      case 0:
        mutated = mutated.slice(0, at) + mutated.slice(end);
        break;
      case 1:
        mutated = mutated.slice(0, end) + mutated.slice(at);
        break;
      case 2:
        mutated = mutated.slice(0, at) + other.slice(random.below(other.length + 1));
        break;
      case 3:
        mutated = mutated.slice(0, at) + String.fromCharCode(random.below(0x1_0000)) + mutated.slice(at + 1);
        break;
      case 4:
        mutated = mutated.slice(0, at) + String.fromCharCode(32 + random.below(95)) + mutated.slice(at + 1);
        break;
      case 5:
        mutated = mutated.slice(0, at) + random.of(tokens) + mutated.slice(at);
        break;
      default:
        mutated = mutated.slice(0, at) + random.of(tokens) + mutated.slice(end);
    }
  }
  return mutated;
}

/** Bytes with one to four of them changed, or cut. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const mutated = bytes.slice(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length);
  for (let changes = 1 + random.below(4); changes > 0 && mutated.length > 0; changes--)
    mutated[random.below(mutated.length)] = random.below(256);
  return mutated;
}
