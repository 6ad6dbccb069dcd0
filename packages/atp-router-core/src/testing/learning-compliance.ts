import { createLearner, mergeStates, parseState } from "../learning/index.js";
import type { Learner, LearningState } from "../learning/index.js";
import type { LearningStore } from "../ports/index.js";
import type { TestTools } from "./ledger-compliance.js";

const state = (replica: string, n: number): LearningState =>
  parseState({ v: 1, replicas: { [replica]: { qa: { epochs: { 0: { "0 a,b;c  ?": n } } } } }, since: {} });

/** What every {@link LearningStore} keeps to. @param make an empty store */
export function learningStoreCompliance(
  name: string,
  make: () => LearningStore,
  { describe, it, expect }: TestTools,
): void {
  describe(`LearningStore: ${name}`, () => {
    it("gives back what the others published last, and never one's own", async () => {
      const store = make();
      expect(await store.exchange("r1", state("r1", 1))).toEqual([]);
      expect(await store.exchange("r2", state("r2", 2))).toEqual([state("r1", 1)]);
      await store.exchange("r1", state("r1", 5));
      expect(await store.exchange("r2", state("r2", 2))).toEqual([state("r1", 5)]);
      expect(await store.exchange("r1", state("r1", 5))).toEqual([state("r2", 2)]);
    });

    it("comes to the same whole at every router, whatever the order, also when a router publishes twice or late", async () => {
      const store = make();
      const known = new Map<string, LearningState>();
      const names = ["r1", "r2", "r3"];
      for (let round = 0; round < 3; round++)
        for (const replica of round === 1 ? [...names].reverse() : names) {
          let own = mergeStates(known.get(replica) ?? state(replica, 0), state(replica, 10 * (round + 1)));
          for (const other of await store.exchange(replica, own)) own = mergeStates(own, parseState(other));
          known.set(replica, own);
        }
      for (const replica of names) {
        let own = known.get(replica) ?? state(replica, 0);
        for (const other of await store.exchange(replica, own)) own = mergeStates(own, parseState(other));
        known.set(replica, own);
      }
      expect(known.get("r2")).toEqual(known.get("r1"));
      expect(known.get("r3")).toEqual(known.get("r1"));
      expect(Object.keys(known.get("r1")?.replicas ?? {}).sort()).toEqual(names);
    });

    it("lets one learner know what another one saw", async () => {
      const store = make();
      const learner = (replica: string): Learner => createLearner({ replica, seed: 1, exploreFirst: 0 });
      const [one, two] = [learner("one"), learner("two")];
      one.merge(state("elsewhere", 40));
      await store.exchange("one", one.export());
      for (const other of await store.exchange("two", two.export())) two.merge(other);
      expect(two.export().replicas["elsewhere"]).toEqual(one.export().replicas["elsewhere"]);
    });
  });
}
