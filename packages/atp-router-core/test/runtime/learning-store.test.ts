import { describe, expect, it } from "vitest";
import type { LearningState } from "../../src/learning/index.js";
import type { LearningStore } from "../../src/ports/index.js";
import { createMemoryLearningStore } from "../../src/runtime/index.js";
import { createSimulation, createVirtualClock, learningStoreCompliance, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation } from "../../src/testing/index.js";

learningStoreCompliance("memory", createMemoryLearningStore, { describe, it, expect });

const says = (id: string, text: string): AdapterScript => ({ id, answer: [{ text }, { final: {} }] });

describe("routers that share what they learned", () => {
  async function ask(sim: Simulation, count: number): Promise<void> {
    const socket = sim.connect();
    for (let i = 0; i < count; i++) {
      const stream = `q${i}`;
      socket.send(syn({ stream, meta: { strategy: "fanout", task_type: "qa" } }));
      await sim.clock.until(() => socket.end(stream) !== undefined);
    }
  }

  it("know after ten seconds what each of them saw, and go on when the store is away", async () => {
    const clock = createVirtualClock(1);
    const kept = createMemoryLearningStore();
    let isAway = false;
    const learningStore: LearningStore = {
      exchange(replica, state) {
        // Each publishes its own column and nobody else's.
        expect(Object.keys((state as LearningState).replicas)).toEqual([replica]);
        return isAway ? Promise.reject(new Error("away")) : kept.exchange(replica, state);
      },
    };
    const of = (replica: string): Simulation =>
      createSimulation({
        clock,
        adapters: [says("a", "yes"), says("b", "yes"), says("c", "no")],
        learning: { mode: "observe", replica },
        learningStore,
      });
    const [one, two] = [of("one"), of("two")];
    await ask(one, 5);
    await ask(two, 3);
    isAway = true;
    await clock.advance(12_000);
    expect(Object.keys(two.router.learning?.export().replicas ?? {})).toEqual(["two"]);
    isAway = false;
    await clock.advance(22_000);
    const [known, same] = [one, two].map(({ router }) => router.learning?.export());
    expect(Object.keys(known?.replicas ?? {}).sort()).toEqual(["one", "two"]);
    expect(same).toEqual(known);
    await one.router.close();
    await two.router.close();
  });
});
