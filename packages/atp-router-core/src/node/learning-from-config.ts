import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { checkPolicy } from "../runtime/index.js";
import type { LearningConfig, Router } from "../runtime/index.js";
import type { ConfigFile } from "./config-schema.js";

/**
 * What the key `learning` of a configuration asks for. Undefined: nothing is learned.
 * @throws Error in one line when the state file is there and cannot be read, or the policy file is no policy
 */
export function learningFromConfig(given: ConfigFile["learning"]): LearningConfig | undefined {
  if (given === undefined || given.mode === "off") return undefined;
  const state = given.state_file === undefined ? undefined : readState(given.state_file);
  const policy = given.policy_file === undefined ? undefined : readPolicy(given.policy_file);
  return {
    mode: given.mode ?? "observe",
    ...(given.priors === undefined ? {} : { priors: given.priors }),
    ...(given.explore_first === undefined ? {} : { exploreFirst: given.explore_first }),
    ...(given.explore_share === undefined ? {} : { exploreShare: given.explore_share }),
    ...(given.challenge === undefined ? {} : { challenge: challengeOf(given.challenge) }),
    ...(given.target_usd_micros === undefined ? {} : { targetUsdMicros: given.target_usd_micros }),
    ...(given.value_usd_micros === undefined ? {} : { valueUsdMicros: given.value_usd_micros }),
    ...(given.replica === undefined ? {} : { replica: given.replica }),
    ...(policy === undefined ? {} : { policy }),
    ...(state === undefined ? {} : { state }),
  };
}

function challengeOf({
  tenant,
  ...challenge
}: NonNullable<NonNullable<ConfigFile["learning"]>["challenge"]>): NonNullable<LearningConfig["challenge"]> {
  if (challenge.champion === challenge.challenger)
    throw new Error("learning.challenge: a champion does not challenge itself; name two adapters");
  return { ...challenge, ...(tenant === undefined ? {} : { tenant }) };
}

function readPolicy(path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`learning.policy_file ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const checked = checkPolicy(value);
  if (!checked.ok) throw new Error(`learning.policy_file ${JSON.stringify(path)} is no policy: ${checked.problem}`);
  return checked.policy;
}

function readState(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw new Error(`learning.state_file ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Error(`learning.state_file ${JSON.stringify(path)} is not JSON; move it away to start anew`, {
      cause: error,
    });
  }
}

/** Writes what was learned, whole or not at all: what stood there stays until the new file is complete. */
export function keepLearned(router: Router, path: string): void {
  const { learning } = router;
  if (learning === undefined) return;
  writeFileSync(`${path}.new`, JSON.stringify(learning.export()));
  renameSync(`${path}.new`, path);
}
