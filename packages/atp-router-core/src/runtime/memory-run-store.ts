import { runStoreLimits } from "../ports/index.js";
import type { Clock, RunName, RunStore, RunStoreLimits } from "../ports/index.js";

interface Kept {
  readonly tenant: string;
  readonly content: string;
  readonly claimant: string;
  readonly at: number;
  end: string | undefined;
  until: number;
}

/** Idempotency keys in process memory: for tests of several routers in one process, and the model of other stores. */
export function createMemoryRunStore(clock: Clock, limits: RunStoreLimits = {}): RunStore {
  const { keptMs, leaseMs, maxRuns, maxBytes } = runStoreLimits(limits);
  const runs = new Map<string, Kept>();
  const nameOf = ({ tenant, name }: RunName): string => JSON.stringify([tenant, name]);

  function find(run: RunName): Kept | undefined {
    const now = clock.now();
    for (const [name, kept] of runs) if (kept.until <= now) runs.delete(name);
    return runs.get(nameOf(run));
  }

  function isMine(run: RunName, claimant: string): Kept | undefined {
    const kept = find(run);
    return kept?.claimant === claimant ? kept : undefined;
  }

  return {
    async claim(run, claimant) {
      const kept = find(run);
      if (kept !== undefined) {
        if (kept.content !== run.content) return { t: "clash" };
        if (kept.end !== undefined) return { t: "ended", end: kept.end };
        if (kept.claimant !== claimant) return { t: "running" };
        kept.until = clock.now() + leaseMs;
        return { t: "mine" };
      }
      const mine = [...runs.values()].filter(({ tenant }) => tenant === run.tenant);
      const bytes = mine.reduce((sum, { end }) => sum + (end?.length ?? 0), 0);
      if (mine.length >= maxRuns || bytes >= maxBytes) return { t: "full", runs: mine.length, bytes };
      const at = clock.now();
      const { tenant, content } = run;
      runs.set(nameOf(run), { tenant, content, claimant, at, end: undefined, until: at + leaseMs });
      return { t: "mine" };
    },
    async renew(run, claimant) {
      const kept = isMine(run, claimant);
      if (kept === undefined) return false;
      if (kept.end === undefined) kept.until = clock.now() + leaseMs;
      return true;
    },
    async finish(run, claimant, end) {
      const found = find(run);
      if (found !== undefined && found.claimant !== claimant) return false;
      if (found?.end !== undefined) return true;
      const at = found?.at ?? clock.now();
      const { tenant, content } = run;
      runs.set(nameOf(run), { tenant, content, claimant, at, end, until: at + keptMs });
      return true;
    },
    async release(run, claimant) {
      const kept = isMine(run, claimant);
      if (kept !== undefined && kept.end === undefined) runs.delete(nameOf(run));
    },
  };
}
