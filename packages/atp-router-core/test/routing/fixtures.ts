import type { Candidate, Estimate, Task } from "../../src/model/index.js";

export function task(more: Partial<Task> = {}): Task {
  return {
    taskType: "qa",
    content: { prompt: "hello" },
    strategy: "auto",
    promptJson: "{}",
    toolPermissions: [],
    dataScope: [],
    meta: {},
    onDisconnect: "continue",
    ...more,
  };
}

export function quote(more: Partial<Estimate> = {}): Estimate {
  return {
    inTokens: 100,
    outTokens: 50,
    usdMicros: 500,
    varianceTokens: 0,
    varianceUsd: 0,
    confidence: 0.5,
    cancelsCleanly: false,
    assumptions: [],
    ...more,
  };
}

export function candidate(name: string, estimate: Partial<Estimate> = {}, more: Partial<Candidate> = {}): Candidate {
  return { info: { id: `http://${name}:7070`, name, tags: [] }, status: "READY", estimate: quote(estimate), ...more };
}

/** A candidate whose estimate failed. */
export function failing(
  name: string,
  kind: NonNullable<Candidate["failure"]>["kind"],
  more: Partial<Candidate> = {},
): Candidate {
  const { info } = candidate(name);
  return { info, status: "READY", failure: { kind, message: `is ${kind}`, sent: false }, ...more };
}
