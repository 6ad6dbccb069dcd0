import type { LearningStore } from "../ports/index.js";

/** States in process memory, for several routers of one process and for tests. */
export function createMemoryLearningStore(): LearningStore {
  const states = new Map<string, string>();
  return {
    exchange(replica, state) {
      // As through any other store: nobody holds what another one changes.
      states.set(replica, JSON.stringify(state));
      return Promise.resolve(
        [...states].filter(([name]) => name !== replica).map(([, text]) => JSON.parse(text) as unknown),
      );
    },
  };
}
