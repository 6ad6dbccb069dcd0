import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";

const answer = [{ final: { answer: "done" } }];
const meta = { memory: { namespace: "default/notes", write: ["k"] } };

describe("shared memory is written after the FINAL", () => {
  it.each([
    ["never answers", () => new Promise<void>(() => undefined), /in time/],
    ["refuses", () => Promise.reject(new Error("away")), /could not/],
  ])("a gateway that %s holds up no FINAL, and that is observed", async (_name, put, problem) => {
    const sim = createSimulation({
      adapters: [{ id: "a", answer }],
      memory: { get: async () => undefined, put },
    });
    const socket = sim.connect();
    socket.send(syn({ prompt: "x", meta }));
    await sim.clock.until(() => socket.end("st1") !== undefined);
    // The FINAL came before the write was given up.
    expect(socket.end("st1")?.flags).toEqual(["FIN"]);
    expect(sim.clock.now()).toBeLessThan(500);
    await sim.clock.until(() => sim.observations.some(({ t }) => t === "memory.written"));
    const written = sim.observations.find((o) => o.t === "memory.written");
    expect(written).toMatchObject({ tenant: "default", namespace: "default/notes", keys: ["k"] });
    expect(written?.problem).toMatch(problem);
    await sim.router.close();
  });

  it("what is kept says where it came from", async () => {
    const kept: unknown[] = [];
    const sim = createSimulation({
      adapters: [{ id: "a", answer }],
      memory: { get: async () => undefined, put: async (_ns, _key, object) => void kept.push(object) },
    });
    const socket = sim.connect();
    socket.send(syn({ prompt: "x", meta }));
    await sim.clock.until(() => kept.length > 0);
    expect(kept[0]).toMatchObject({
      answer: "done",
      provenance: { stopped_by: expect.any(String) as string, adapters: ["a"] },
    });
    await sim.router.close();
  });
});
