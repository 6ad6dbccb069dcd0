import { isWellFormed } from "./text.js";

/** The deepest nesting of a frame; the frame object itself is 1 (A3.3). */
export const MAX_DEPTH = 64;

/** Names of hazards. */
export const TOO_DEEP = "nesting over 64";
const LONE = "a lone surrogate";

/** Whether the text has more opening brackets than the allowed depth, in strings or not: most texts need no closer look. */
function hasManyContainers(text: string): boolean {
  return countUpTo(text, "[", countUpTo(text, "{", 0)) > MAX_DEPTH;
}

function countUpTo(text: string, open: string, before: number): number {
  let count = before;
  for (let i = text.indexOf(open); i >= 0 && count <= MAX_DEPTH; i = text.indexOf(open, i + 1)) count++;
  return count;
}

/**
 * Looks for nesting over the limit before anything is parsed: a parser takes long for a hostile depth.
 * @param depth of what the text stands in
 * @returns the text's members before the one that is nested too deep, closed; null when none is.
 */
export function beforeTooDeep(text: string, depth = 0): string | null {
  if (!hasManyContainers(text)) return null;
  let isInString = false;
  let end = 1;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) isInString = !isInString;
    else if (unit === 0x5c) i++;
    else if (isInString) continue;
    else if (unit === 0x2c && depth === 1) end = i;
    // Both kinds of brackets differ by one bit.
    else if ((unit | 0x20) === 0x7b && ++depth > MAX_DEPTH) return `${text.slice(0, end)}}`;
    else if ((unit | 0x20) === 0x7d) depth--;
  }
  return null;
}

/** Escapes of a JSON text one by one: a pair of surrogates, half of one, which is told, or any other. */
const escapes = /\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f])|.)/gi;

/** Whether an escape of a JSON text stands for half of a surrogate pair (A3.3). */
function escapesHalf(text: string): boolean {
  for (const [, lone] of text.matchAll(escapes)) if (lone !== undefined) return true;
  return false;
}

/** What a text with a forbidden key holds, unless it escapes a letter of it. Honest texts rarely do. */
const keyTraces = /proto|constructor/;

/**
 * What A3.3 forbids in a text that was parsed to `value`, nesting aside.
 * @returns its name, or null.
 */
export function hazardOf(text: string, value: unknown, place: Place = Place.Frame): string | null {
  const hasEscapes = text.includes("\\u");
  if (!isWellFormed(text) || (hasEscapes && escapesHalf(text))) return LONE;
  return (hasEscapes && text.includes("\\u00")) || keyTraces.test(text) ? forbiddenKey(value, place) : null;
}

function forbiddenKey(value: unknown, place: Place): string | null {
  const key = findForbiddenKey(value, place);
  return key === null ? null : `the key ${key}`;
}

/** Where a walk is. In content only `__proto__` is forbidden. */
export const Place = { Frame: 0, Payload: 1, Content: 2, Other: 3 } as const;
type Place = (typeof Place)[keyof typeof Place];

/** The first key that A3.3 forbids: `__proto__`; `constructor` and `prototype` outside `payload.content`. For values of bounded depth. */
function findForbiddenKey(value: unknown, place: Place): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) {
    for (const entry of value) {
      const found = findForbiddenKey(entry, place === Place.Content ? place : Place.Other);
      if (found !== null) return found;
    }
    return null;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__" || (place !== Place.Content && (key === "constructor" || key === "prototype"))) return key;
    const found = findForbiddenKey((value as Readonly<Record<string, unknown>>)[key], placeOf(place, key));
    if (found !== null) return found;
  }
  return null;
}

function placeOf(place: Place, key: string): Place {
  if (place === Place.Content) return place;
  if (place === Place.Frame && key === "payload") return Place.Payload;
  return place === Place.Payload && key === "content" ? Place.Content : Place.Other;
}

/**
 * The same for values that did not come as a JSON text: nesting over 64, halves of surrogate pairs, forbidden keys. Never deeper than
 * the limit, so a hostile depth cannot exhaust the stack.
 * @returns what is wrong, or null.
 */
export function findHazard(frame: unknown): string | null {
  return findUnspeakable(frame, 1) ?? forbiddenKey(frame, Place.Frame);
}

function findUnspeakable(value: unknown, depth: number): string | null {
  if (typeof value === "string") return isWellFormed(value) ? null : LONE;
  if (typeof value !== "object" || value === null) return null;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  for (const [key, member] of Object.entries(value)) {
    const found = isWellFormed(key) ? findUnspeakable(member, depth + 1) : LONE;
    if (found !== null) return found;
  }
  return null;
}
