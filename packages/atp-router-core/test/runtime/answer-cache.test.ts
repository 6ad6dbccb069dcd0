import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation, SimulationConfig } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const answer: AdapterScript["answer"] = [{ afterMs: 50, final: { answer: "42", usage } }];

function simulate(more: Partial<SimulationConfig> = {}): Simulation {
  return createSimulation({ adapters: [{ id: "a", answer }], cache: { ttlMs: 60_000 }, ...more });
}

async function ask(sim: Simulation, frame: Parameters<typeof syn>[0]) {
  const socket = sim.connect();
  socket.send(syn({ stream: "st1", ...frame }));
  await sim.clock.until(() => socket.end("st1") !== undefined);
  return socket.end("st1");
}
const calls = (sim: Simulation): number => sim.adapters.get("a")?.calls.length ?? -1;
const spent = async (sim: Simulation) => (await sim.router.budgets()).tenants["default"]?.posted.usd_micros;

describe("the cache of answers", () => {
  it("is off by default: the same question twice is two calls", async () => {
    const sim = createSimulation({ adapters: [{ id: "a", answer }] });
    await ask(sim, {});
    await ask(sim, {});
    expect(calls(sim)).toBe(2);
    await sim.router.close();
  });

  it("gives an equal question the same answer for nothing, and says so in telemetry", async () => {
    const sim = simulate();
    const first = await ask(sim, {});
    const second = await ask(sim, {});
    expect(second?.payload).toEqual(first?.payload);
    expect(second?.telemetry).toMatchObject({ usd: 0, tokens: 0, replayed: true, cached: { usd: 10, tokens: 7 } });
    expect(first?.telemetry).not.toHaveProperty("cached");
    expect(calls(sim)).toBe(1);
    expect(await spent(sim)).toBe(10);
    await sim.router.close();
  });

  it("makes one call of equal questions at once", async () => {
    const sim = simulate();
    const sockets = Array.from({ length: 20 }, () => sim.connect());
    for (const socket of sockets) socket.send(syn({}));
    await sim.clock.until(() => sockets.every((socket) => socket.end("st1") !== undefined));
    expect(calls(sim)).toBe(1);
    expect(await spent(sim)).toBe(10);
    expect(sockets.map((socket) => socket.end("st1")?.flags[0])).toEqual(sockets.map(() => "FIN"));
    await sim.router.close();
  });

  it.each<[string, Parameters<typeof syn>[0]]>([
    ["another question", { prompt: "other" }],
    ["another data scope", { meta: { data_scope: ["pii"] } }],
    ["another task type", { meta: { task_type: "code" } }],
    ["another strategy", { meta: { strategy: "race" } }],
    ["other tools", { meta: { tool_permissions: ["fs.read"] } }],
    ["a client that wants none", { meta: { cache: false } }],
    ["shared memory", { meta: { memory: { namespace: "default/x", read: ["k"] } } }],
  ])("asks anew for %s", async (_name, frame) => {
    const sim = simulate();
    await ask(sim, {});
    await ask(sim, frame);
    expect(calls(sim)).toBe(2);
    await sim.router.close();
  });

  it("never crosses tenants", async () => {
    const identity = {
      authenticate: async ({ token }: { token?: string }) => ({
        principal: { tenant: token ?? "none", subject: "x", roles: [] },
      }),
    };
    const sim = simulate({ identity });
    for (const token of ["acme", "beta", "acme"]) {
      const socket = sim.connect({ credentials: { token } });
      socket.send(syn({}));
      await sim.clock.until(() => socket.end("st1") !== undefined);
    }
    expect(calls(sim)).toBe(2);
    await sim.router.close();
  });

  it("forgets an answer when its time is over, and never keeps an error", async () => {
    const sim = simulate();
    await ask(sim, {});
    await sim.clock.advance(61_000);
    await ask(sim, {});
    expect(calls(sim)).toBe(2);
    await sim.router.close();

    const failing = simulate({ adapters: [{ id: "a", answer: [{ fail: { kind: "rejected", message: "no" } }] }] });
    await ask(failing, {});
    await ask(failing, {});
    expect(calls(failing)).toBe(2);
    await failing.router.close();
  });

  it("keeps no more than it is allowed, and goes on asking", async () => {
    const sim = simulate({ cache: { ttlMs: 60_000, maxAnswers: 1 } });
    await ask(sim, { prompt: "one" });
    await ask(sim, { prompt: "two" });
    await ask(sim, { prompt: "two" });
    expect(calls(sim)).toBe(3);
    await ask(sim, { prompt: "one" });
    expect(calls(sim)).toBe(3);
    await sim.router.close();
  });
});
