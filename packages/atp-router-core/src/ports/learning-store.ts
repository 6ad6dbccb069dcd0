/**
 * What routers learned, shared among them. A state is a grow-only counter with a column for each router (see `LearningState`): it may be
 * published twice, late and in any order, and whoever reads all of them merges the same whole.
 */
export interface LearningStore {
  /**
   * Puts this router's state in place of its last one, and tells those of the others that are there.
   * @param replica names this router; stays the same over its restarts where its configuration names it
   * @throws when the store cannot be reached; nothing is lost by that, the next time has all of it
   */
  exchange(replica: string, state: unknown): Promise<readonly unknown[]>;
}
