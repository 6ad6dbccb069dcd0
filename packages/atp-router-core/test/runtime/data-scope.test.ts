import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { celPolicy, withDataScopes } from "../../src/policy/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { SimulationConfig } from "../../src/testing/index.js";

const scopes = { pii: { redact: ["email"] }, private: { forbid: ["memory"] }, eu: { region: "eu" } } as const;
const answer = [{ final: { answer: "done" } }];

async function run(frame: Frame, more: Partial<SimulationConfig> = {}) {
  const sim = createSimulation({
    adapters: [{ id: "a", answer }],
    policy: withDataScopes(celPolicy(), scopes),
    ...more,
  });
  const socket = sim.connect();
  socket.send(frame);
  await sim.clock.until(() => socket.end("st1") !== undefined);
  await sim.router.close();
  return { sim, end: socket.end("st1"), call: sim.adapters.get("a")?.calls[0] };
}

describe("what a data scope binds, from outside (D4)", () => {
  const prompt = "write to ann@example.com";

  it("a scope that demands redaction: the adapter never sees what was in the prompt", async () => {
    const { call, end } = await run(syn({ prompt, meta: { data_scope: ["pii"] } }));
    expect(JSON.parse(call?.promptJson ?? "")).toMatchObject({ prompt: "write to [redacted email]" });
    expect(end?.flags).toEqual(["FIN"]);
  });

  it("without the label it sees the prompt as it was sent", async () => {
    const { call } = await run(syn({ prompt, meta: { data_scope: ["other"] } }));
    expect(JSON.parse(call?.promptJson ?? "")).toMatchObject({ prompt });
  });

  it("a redactor of one's own takes the place of the default", async () => {
    const redactor = (text: string) => ({ text: text.toUpperCase(), found: { shout: 1 } });
    const { call } = await run(syn({ prompt, meta: { data_scope: ["pii"] } }), { redactor });
    expect(JSON.parse(call?.promptJson ?? "")).toMatchObject({ prompt: prompt.toUpperCase() });
  });

  it.each([
    ["private", 0],
    ["public", 2],
  ])("memory with the label %s is asked %i times", async (label, times) => {
    let asked = 0;
    const memory = {
      get: async () => void asked++,
      put: async () => void asked++,
    };
    const meta = {
      data_scope: [label],
      memory: { namespace: "default/notes", read: ["k"], write: ["k"] },
    };
    const { end } = await run(syn({ prompt, meta }), { memory });
    expect(asked).toBe(times);
    if (times === 0)
      expect(end?.telemetry).toMatchObject({ memory: { skipped: expect.stringContaining("forbids") as string } });
  });

  it("a region that no adapter has ends in ENOROUTE, and nothing is asked of any", async () => {
    const { end, call } = await run(syn({ prompt, meta: { data_scope: ["eu"] } }));
    expect(end?.payload?.content).toMatchObject({ code: "ENOROUTE" });
    expect(call).toBeUndefined();
  });
});
