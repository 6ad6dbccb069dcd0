import { isWellFormed } from "./text.js";

/** The deepest nesting of a frame; the frame object itself is 1 (A3.3). */
export const MAX_DEPTH = 64;

/**
 * True when a text may hold something that A3.3 forbids inside its values, so that they must be walked. Four substring
 * searches and one bounded count; honest frames almost never need the walk.
 */
export function mayHideHazard(text: string): boolean {
  return (
    text.includes("\\u") ||
    text.includes("__proto__") ||
    text.includes("constructor") ||
    text.includes("prototype") ||
    hasManyContainers(text)
  );
}

/** Whether the text has more opening brackets than the allowed depth, in strings or not. */
function hasManyContainers(text: string): boolean {
  let count = 0;
  for (let i = text.indexOf("{"); i >= 0; i = text.indexOf("{", i + 1)) if (++count > MAX_DEPTH) return true;
  for (let i = text.indexOf("["); i >= 0; i = text.indexOf("[", i + 1)) if (++count > MAX_DEPTH) return true;
  return false;
}

/**
 * Walks parsed values: nesting over 64, the key `__proto__`, `constructor` and `prototype` outside `payload.content`,
 * lone surrogates (A3.3). Never deeper than the limit, so a hostile depth cannot exhaust the stack.
 * @returns what is wrong, or null.
 */
export function findHazard(frame: unknown): string | null {
  return walk(frame, 1, Place.Frame);
}

/** The same for a payload that arrived on its own, as the joined data of fragments (A6). */
export function findPayloadHazard(payload: unknown): string | null {
  return walk(payload, 2, Place.Payload);
}

const Place = { Frame: 0, Payload: 1, Content: 2, Other: 3 } as const;
type Place = (typeof Place)[keyof typeof Place];

function walk(value: unknown, depth: number, place: Place): string | null {
  if (typeof value === "string") return isWellFormed(value) ? null : "a lone surrogate";
  if (typeof value !== "object" || value === null) return null;
  if (depth > MAX_DEPTH) return "nesting over 64";
  if (Array.isArray(value)) {
    for (const entry of value) {
      const found = walk(entry, depth + 1, place === Place.Content ? place : Place.Other);
      if (found !== null) return found;
    }
    return null;
  }
  const bag = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(bag)) {
    if (key === "__proto__") return "the key __proto__";
    if (place !== Place.Content && (key === "constructor" || key === "prototype")) return `the key ${key}`;
    if (!isWellFormed(key)) return "a lone surrogate";
    const found = walk(bag[key], depth + 1, placeOf(place, key));
    if (found !== null) return found;
  }
  return null;
}

function placeOf(place: Place, key: string): Place {
  if (place === Place.Content) return Place.Content;
  if (place === Place.Frame && key === "payload") return Place.Payload;
  return place === Place.Payload && key === "content" ? Place.Content : Place.Other;
}
