/** How a challenger is tried beside the champion. */
export interface ChallengeConfig {
  readonly champion: string;
  readonly challenger: string;
  /** Share of requests that ask the challenger too, 0.01 to 0.05. */
  readonly share: number;
  /** Chance to promote one that is no better, and to give up one that is better by `margin`. @default 0.05 */
  readonly error?: number;
  /** How much oftener the challenger must win among the requests where only one of them was right, 0.5 to 1. @default 0.65 */
  readonly margin?: number;
}

/** A trial's state. Plain data. */
export interface Challenge {
  readonly config: ChallengeConfig;
  /** Requests where only the challenger, or only the champion, was right. */
  won: number;
  lost: number;
  tried: number;
  verdict: "running" | "promoted" | "rejected";
}

/** @throws RangeError when the share is not 1 to 5 percent */
export function newChallenge(config: ChallengeConfig): Challenge {
  if (!(config.share >= 0.01 && config.share <= 0.05))
    throw new RangeError("a challenger is tried on a share of 0.01 to 0.05 of the requests");
  if (config.champion === config.challenger) throw new RangeError("a champion does not challenge itself");
  return { config, won: 0, lost: 0, tried: 0, verdict: "running" };
}

/** Whether this request tries the challenger. `u` is uniform in [0, 1) and drawn once a request. */
export function tries(challenge: Challenge, u: number): boolean {
  return challenge.verdict === "running" && u < challenge.config.share;
}

/**
 * One request that both answered. Wald's sequential probability ratio test on those where exactly one was right: the challenger wins
 * them with chance 1/2, or with `margin`. It may be looked at after every request, and ends as soon as either is clear.
 */
export function tried(challenge: Challenge, champion: boolean, challenger: boolean): Challenge["verdict"] {
  if (challenge.verdict !== "running") return challenge.verdict;
  const { error = 0.05, margin = 0.65 } = challenge.config;
  challenge.tried++;
  if (challenger && !champion) challenge.won++;
  if (champion && !challenger) challenge.lost++;
  const ratio = challenge.won * Math.log(2 * margin) + challenge.lost * Math.log(2 * (1 - margin));
  const bound = Math.log((1 - error) / error);
  if (ratio >= bound) challenge.verdict = "promoted";
  else if (ratio <= -bound) challenge.verdict = "rejected";
  return challenge.verdict;
}
