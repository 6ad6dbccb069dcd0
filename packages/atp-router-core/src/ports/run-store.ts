/** What an idempotency key stands for, to all routers of a store. */
export interface RunName {
  readonly tenant: string;
  /** The key with its principal; equal names share a run. */
  readonly name: string;
  /** What the name must stand for, as canonical text. */
  readonly content: string;
}

/** What a claim found. */
export type RunClaim =
  /** The claimant is to run it: `renew` while it runs, then `finish` or `release`. */
  | { readonly t: "mine" }
  /** Another claimant runs it. Claim again to learn more: when that one is lost the run is yours. */
  | { readonly t: "running" }
  /** It has ended, and this is what was told. */
  | { readonly t: "ended"; readonly end: string }
  /** The name stands for another content. */
  | { readonly t: "clash" }
  /** The tenant has no room for another name. */
  | { readonly t: "full"; readonly runs: number; readonly bytes: number };

/**
 * Idempotency keys that routers share (A9.4). Time is the store's own, so that the clocks of routers do not matter.
 * @throws StoreUnavailable from every method, and nothing else.
 */
export interface RunStore {
  /** @param claimant unguessable, one for each SYN; repeated by the same claimant it answers the same */
  claim(run: RunName, claimant: string): Promise<RunClaim>;
  /** The claimant lives. @returns false when the run is another's by now */
  renew(run: RunName, claimant: string): Promise<boolean>;
  /**
   * Keeps the end for whoever asks within the hour after the claim. Repeats change nothing.
   * @returns false when the run is another's by now
   */
  finish(run: RunName, claimant: string, end: string): Promise<boolean>;
  /** The run binds nothing: the name is free again, unless it is another's. */
  release(run: RunName, claimant: string): Promise<void>;
}

/** Bounds of a {@link RunStore}. */
export interface RunStoreLimits {
  /** How long a name stands for its run. @default 3600000 */
  readonly keptMs?: number;
  /** A claimant that says nothing for so long is lost. @default 30000 */
  readonly leaseMs?: number;
  /** Names of one tenant. @default 10000 */
  readonly maxRuns?: number;
  /** Bytes of one tenant's ends. @default 67108864 */
  readonly maxBytes?: number;
}

/** {@link RunStoreLimits} with their defaults. */
export function runStoreLimits(limits: RunStoreLimits): Required<RunStoreLimits> {
  const { keptMs = 3_600_000, leaseMs = 30_000, maxRuns = 10_000, maxBytes = 64 * 1_048_576 } = limits;
  return { keptMs, leaseMs, maxRuns, maxBytes };
}
