import { asText } from "./result.js";

/**
 * Patterns of traces: JSON in which some strings and objects stand for values. A pattern's object asks for its members
 * only; its arrays ask for exactly their entries.
 */

/** Values that a trace saved, for `$name`. */
export type Saved = ReadonlyMap<string, unknown>;

/**
 * Where a value does not fit a pattern, or null.
 * `$any`, `$uint`, `$string`, `$absent`, `$name`; `{"$not": p}`, `{"$in": [p]}`, `{"$has": p}`, `{"$min": n}`, `{"$max": n}`, `{"$like": regex}`.
 */
export function mismatch(pattern: unknown, value: unknown, saved: Saved, path = ""): string | null {
  if (typeof pattern === "string" && pattern.startsWith("$")) return named(pattern, value, saved, path);
  if (Array.isArray(pattern)) return array(pattern, value, saved, path);
  if (typeof pattern === "object" && pattern !== null) return object(pattern, value, saved, path);
  return Object.is(pattern, value) ? null : wrong(path, pattern, value);
}

const wrong = (path: string, asked: unknown, value: unknown): string =>
  `${path === "" ? "it" : path} must be ${show(asked)}, not ${show(value)}`;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function named(pattern: string, value: unknown, saved: Saved, path: string): string | null {
  switch (pattern) {
    case "$any":
      return value === undefined ? wrong(path, "there", value) : null;
    case "$absent":
      return value === undefined ? null : wrong(path, "absent", value);
    case "$uint":
      return Number.isSafeInteger(value) && (value as number) >= 0 ? null : wrong(path, "an unsigned integer", value);
    case "$string":
      return typeof value === "string" ? null : wrong(path, "a string", value);
    default:
      if (!saved.has(pattern.slice(1))) throw new Error(`nothing was saved as ${pattern}`);
      return mismatch(saved.get(pattern.slice(1)), value, new Map(), path);
  }
}

function array(pattern: readonly unknown[], value: unknown, saved: Saved, path: string): string | null {
  if (!Array.isArray(value) || value.length !== pattern.length) return wrong(path, pattern, value);
  for (let i = 0; i < pattern.length; i++) {
    const found = mismatch(pattern[i], value[i], saved, `${path}/${i}`);
    if (found !== null) return found;
  }
  return null;
}

function object(pattern: object, value: unknown, saved: Saved, path: string): string | null {
  const entries = Object.entries(pattern) as [string, unknown][];
  for (const [key, asked] of entries) {
    const found = key.startsWith("$")
      ? operator(key, asked, value, saved, path)
      : typeof value !== "object" || value === null
        ? wrong(path, pattern, value)
        : mismatch(asked, (value as Readonly<Record<string, unknown>>)[key], saved, `${path}/${key}`);
    if (found !== null) return found;
  }
  return null;
}

function operator(key: string, asked: unknown, value: unknown, saved: Saved, path: string): string | null {
  switch (key) {
    case "$not":
      return mismatch(asked, value, saved) === null ? `${path} must not be ${show(value)}` : null;
    case "$in":
      return (asked as unknown[]).some((one) => mismatch(one, value, saved) === null)
        ? null
        : wrong(path, asked, value);
    case "$has":
      return Array.isArray(value) && value.some((one) => mismatch(asked, one, saved) === null)
        ? null
        : wrong(path, { $has: asked }, value);
    case "$min":
      return typeof value === "number" && value >= (asked as number) ? null : wrong(path, { $min: asked }, value);
    case "$max":
      return typeof value === "number" && value <= (asked as number) ? null : wrong(path, { $max: asked }, value);
    case "$like":
      return typeof value === "string" && new RegExp(asked as string, "u").test(value)
        ? null
        : wrong(path, { $like: asked }, value);
    default:
      throw new Error(`a pattern has no ${key}`);
  }
}

/** A value with saved ones in place of `$name`, and `$i` in strings. */
export function filled(value: unknown, saved: Saved): unknown {
  if (typeof value === "string") {
    if (value.startsWith("$") && saved.has(value.slice(1))) return saved.get(value.slice(1));
    return value.replaceAll("$i", asText(saved.get("i") ?? "$i"));
  }
  if (Array.isArray(value)) return value.map((entry) => filled(entry, saved));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, filled(entry, saved)]));
}
