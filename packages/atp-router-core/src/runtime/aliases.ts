import type { Rng } from "../ports/index.js";

/** Names of sessions for adapters: random, so that they tell nothing of the client's own ids (B.5). */
export interface Aliases {
  of(session: string): string;
  forget(session: string): void;
}

/** Aliases that are made when first asked for. */
export function createAliases(rng: Rng): Aliases {
  const names = new Map<string, string>();
  return {
    of(session) {
      let alias = names.get(session);
      if (alias === undefined) names.set(session, (alias = rng.hex(8)));
      return alias;
    },
    forget: (session) => void names.delete(session),
  };
}
