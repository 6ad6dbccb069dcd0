import { readFileSync } from "node:fs";
import type { Result } from "./result.js";

/** A failure that is known, and why it stands. */
export interface Expected {
  readonly id: string;
  readonly reason: string;
}

/** Reads a file of expected failures. @throws Error when it is not a list of `{id, reason}`. */
export function readExpected(path: string): readonly Expected[] {
  const read: unknown = JSON.parse(readFileSync(path, "utf8"));
  const isEntry = (entry: unknown): entry is Expected =>
    typeof entry === "object" &&
    entry !== null &&
    typeof (entry as Expected).id === "string" &&
    typeof (entry as Expected).reason === "string" &&
    (entry as Expected).reason.length > 0;
  if (!Array.isArray(read) || !read.every(isEntry)) throw new Error(`${path} is not a list of {id, reason}`);
  return read;
}

/**
 * Turns known failures into skipped checks, and adds a failure for each entry whose check was run and no longer fails, or
 * which names no check at all.
 */
export function applyExpected(results: readonly Result[], expected: readonly Expected[]): Result[] {
  const known = new Map(expected.map((entry) => [entry.id, entry]));
  const applied = results.map((result): Result => {
    const entry = known.get(result.id);
    if (entry === undefined || result.outcome !== "failed") return result;
    return { ...result, outcome: "skipped", message: `expected failure: ${entry.reason}` };
  });
  const byId = new Map(results.map((result) => [result.id, result]));
  for (const { id } of expected) {
    const outcome = byId.get(id)?.outcome;
    if (outcome === "failed" || outcome === "skipped") continue;
    const message =
      outcome === "passed"
        ? `${id} passes now: take it out of the expected failures`
        : `${id} is no check of this run: take it out of the expected failures`;
    applied.push({ id: `expected:${id}`, profile: "core", rules: [], outcome: "failed", message, durationMs: 0 });
  }
  return applied;
}
