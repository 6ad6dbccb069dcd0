/**
 * Text that JSON and UTF-8 can carry (B.9): JavaScript may cut a string inside a surrogate pair, and a lone half is an
 * error for every reader behind.
 */
const loneSurrogate = /\p{Surrogate}/gu;

/** The text with each lone surrogate replaced by U+FFFD. */
export function toWellFormed(text: string): string {
  return text.replace(loneSurrogate, "\uFFFD");
}

/** JSON text of a value whose strings, at any depth, have no lone surrogate. */
export function wellFormedJson(value: unknown): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes lone surrogates and nothing else in that range, so most texts need no second walk.
  if (!json.includes("\\ud")) return json;
  return JSON.stringify(wellFormedDeep(value));
}

function wellFormedDeep(value: unknown): unknown {
  if (typeof value === "string") return toWellFormed(value);
  if (Array.isArray(value)) return value.map(wellFormedDeep);
  if (typeof value !== "object" || value === null) return value;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return wellFormedDeep((value as { toJSON: () => unknown }).toJSON());
  }
  const entries = Object.entries(value).map(([key, member]) => [toWellFormed(key), wellFormedDeep(member)] as const);
  return Object.fromEntries(entries);
}

/** Joins deltas so that no pair is cut: a high half at the end of one delta waits for the next. */
export class DeltaJoiner {
  private held = "";

  /** The part of `held + delta` that can go now. */
  push(delta: string): string {
    let text = this.held + delta;
    this.held = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.held = text.slice(-1);
      text = text.slice(0, -1);
    }
    return toWellFormed(text);
  }

  /** What still waited when no delta follows: U+FFFD for a half that never got its other one, or nothing. */
  end(): string {
    const text = toWellFormed(this.held);
    this.held = "";
    return text;
  }
}
