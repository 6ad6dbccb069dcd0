/** The parts of the protocol that can be announced and proved apart. */
export const profiles = ["core", "resume", "flow", "fragment", "auth", "adapter"] as const;
export type Profile = (typeof profiles)[number];

/** A value in words: a string as it stands, all else as JSON. */
export function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
}

/** What came of one check. */
export interface Result {
  /** Unique among all checks of a run, such as `vector:frame/ttl` or `trace:resume/live`. */
  readonly id: string;
  readonly profile: string;
  readonly rules: readonly string[];
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly message?: string;
  readonly durationMs: number;
}

/** A finding of a check: the rule that the testee broke, and how. */
export class Failure extends Error {
  override readonly name = "Failure";
  constructor(
    message: string,
    /** Absent: the check's own rules. */
    readonly rule?: string,
  ) {
    super(rule === undefined ? message : `${rule}: ${message}`);
  }
}

/** The testee lacks what the check needs. */
export class Skip extends Error {
  override readonly name = "Skip";
}

/** Runs one check and says what came of it. Errors that are no finding count as failed too. */
export async function check(
  about: { readonly id: string; readonly profile: string; readonly rules: readonly string[] },
  run: () => Promise<void>,
): Promise<Result> {
  const began = performance.now();
  const { id, profile, rules } = about;
  const done = (outcome: Result["outcome"], message?: string): Result => ({
    ...{ id, profile, rules, outcome, durationMs: Math.round((performance.now() - began) * 10) / 10 },
    ...(message === undefined ? {} : { message }),
  });
  try {
    await run();
    return done("passed");
  } catch (error) {
    if (error instanceof Skip) return done("skipped", error.message);
    return done("failed", error instanceof Error ? error.message : String(error));
  }
}
