import { describe, expect, it } from "vitest";
import { createMemoryLedgerStore } from "../../src/runtime/index.js";
import type { TenantConfig } from "../../src/runtime/index.js";
import { createSimulation, createVirtualClock, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation, SimulationConfig, VirtualClock } from "../../src/testing/index.js";

/** Costs 100 micro-dollars, as it says, in 10 ms. */
const dime: AdapterScript = {
  id: "dime",
  estimate: { inTokens: 10, outTokens: 90, usdMicros: 100 },
  answer: [{ afterMs: 10, final: { answer: "x", usage: { inTokens: 10, outTokens: 90, usdMicros: 100 } } }],
};

/** A virtual clock whose wall says this time now. */
function clockAt(time: string, seed = 1): VirtualClock {
  const clock = createVirtualClock(seed);
  const began = Date.parse(time) - clock.now();
  return { ...clock, wall: () => began + clock.now() };
}

function simulate(budget: TenantConfig["budget"], more: Partial<SimulationConfig> = {}): Simulation {
  return createSimulation({
    adapters: [dime],
    tenants: { default: budget === undefined ? {} : { budget } },
    ...more,
  });
}

let streams = 0;

async function ask(sim: Simulation): Promise<{ flag: string | undefined; error?: unknown }> {
  const socket = sim.connect();
  const stream = `st${streams++}`;
  socket.send(syn({ stream }));
  await sim.clock.until(() => socket.end(stream) !== undefined);
  const end = socket.end(stream);
  return end?.flags[0] === "FIN" ? { flag: "FIN" } : { flag: "RST", error: end?.payload?.content };
}

const budgetOf = async (sim: Simulation) => (await sim.router.budgets()).tenants["default"];

describe("a tenant's budget", () => {
  it("A7.1 without a period is spent for good", async () => {
    const sim = simulate({ usdMicros: 250 });
    expect(await ask(sim)).toEqual({ flag: "FIN" });
    expect(await ask(sim)).toEqual({ flag: "FIN" });
    expect(await budgetOf(sim)).toMatchObject({ posted: { usd_micros: 200 }, left: { max_usd_micros: 50 } });
    expect(await budgetOf(sim)).not.toHaveProperty("period");
    await ask(sim);
    expect(await ask(sim)).toMatchObject({ error: { code: "EBUDGET", retry: "never", processed: "no" } });
    await sim.clock.advance(600_000);
    expect(await ask(sim)).toMatchObject({ error: { code: "EBUDGET" } });
    await sim.router.close();
  });

  it.each([
    ["hour", "2026-11-23T13:58:00Z", "2026-11-23T14:00:00.000Z"],
    ["day", "2026-11-23T23:58:00Z", "2026-11-24T00:00:00.000Z"],
    ["month", "2026-12-31T23:58:00Z", "2027-01-01T00:00:00.000Z"],
  ] as const)(
    "A12 for a %s refuses until it ends, says when that is, and begins anew",
    async (period, now, resetsAt) => {
      const sim = simulate({ usdMicros: 100, period }, { clock: clockAt(now) });
      expect(await ask(sim)).toEqual({ flag: "FIN" });
      expect(await budgetOf(sim)).toMatchObject({ period, resets_at: resetsAt, posted: { usd_micros: 100 } });
      const left = Date.parse(resetsAt) - sim.clock.wall();
      const { error } = await ask(sim);
      expect(error).toMatchObject({
        code: "EWINDOW",
        retry: "backoff",
        processed: "no",
        details: { limit_source: "tenant", dimension: "max_usd_micros", remedy: "wait", limit: 100 },
      });
      const { retry_after_ms } = error as { retry_after_ms: number };
      expect(Math.abs(retry_after_ms - left)).toBeLessThan(100);
      await sim.clock.advance(left);
      expect(await ask(sim)).toEqual({ flag: "FIN" });
      expect((await budgetOf(sim))?.posted.usd_micros).toBe(100);
      await sim.router.close();
    },
  );

  it("A7.6 a call that finds its period spent waits for the next one, when that is near", async () => {
    const sim = simulate({ usdMicros: 100, period: "hour" }, { clock: clockAt("2026-11-23T13:59:50Z") });
    const socket = sim.connect();
    for (const stream of ["a", "b"]) socket.send(syn({ stream }));
    const ended = (): number => ["a", "b"].filter((stream) => socket.end(stream)?.flags[0] === "FIN").length;
    await sim.clock.advance(5_000);
    expect(ended()).toBe(1);
    await sim.clock.advance(5_200);
    expect(ended()).toBe(2);
    expect((await budgetOf(sim))?.posted.usd_micros).toBe(100);
    await sim.router.close();
  });

  it("A7.2 a call that runs over the end of its period is settled where it was held", async () => {
    const usage = { inTokens: 10, outTokens: 90, usdMicros: 100 };
    const slow: AdapterScript = { ...dime, answer: [{ afterMs: 10_000, final: { answer: "x", usage } }] };
    const sim = createSimulation({
      adapters: [slow],
      tenants: { default: { budget: { usdMicros: 100, period: "hour" } } },
      clock: clockAt("2026-11-23T13:59:55Z"),
    });
    const socket = sim.connect();
    socket.send(syn({ stream: "over" }));
    await sim.clock.advance(6_000);
    // The new period has nothing posted, and nothing reserved.
    expect(await budgetOf(sim)).toMatchObject({ posted: { usd_micros: 0 }, reserved: { usd_micros: 0 } });
    await sim.clock.until(() => socket.end("over") !== undefined);
    expect((await budgetOf(sim))?.posted.usd_micros).toBe(0);
    await sim.router.close();
  });

  it("A7.1 that slides frees what was spent when the window has passed it", async () => {
    const sim = simulate({ usdMicros: 200, period: { slidingMs: 60_000 } });
    await ask(sim);
    await sim.clock.advance(30_000);
    await ask(sim);
    expect(await budgetOf(sim)).toMatchObject({ period: "sliding", sliding_s: 60, posted: { usd_micros: 200 } });
    const { error } = await ask(sim);
    expect(error).toMatchObject({ code: "EWINDOW" });
    expect((error as { retry_after_ms: number }).retry_after_ms).toBeLessThanOrEqual(32_000);
    await sim.clock.advance(32_000);
    expect(await budgetOf(sim)).toMatchObject({
      limits: { max_usd_micros: 200 },
      posted: { usd_micros: 100 },
      left: { max_usd_micros: 100 },
    });
    expect(await ask(sim)).toEqual({ flag: "FIN" });
    expect(await ask(sim)).toMatchObject({ error: { code: "EWINDOW" } });
    await sim.clock.advance(120_000);
    expect((await budgetOf(sim))?.left).toMatchObject({ max_usd_micros: 200 });
    await sim.router.close();
  });

  it("A7.1 that slides is found again by a router that is started anew on the same books", async () => {
    const clock = createVirtualClock(3);
    const ledger = createMemoryLedgerStore(clock);
    const budget = { usdMicros: 200, period: { slidingMs: 60_000 } };
    const first = simulate(budget, { clock, ledger });
    for (let i = 0; i < 4; i++) {
      expect(await ask(first)).toEqual({ flag: "FIN" });
      await clock.advance(35_000);
    }
    await first.router.close();
    const second = simulate(budget, { clock, ledger });
    await clock.advance(1_000);
    // 400 were spent in all, 100 or 200 of them lately.
    expect((await budgetOf(second))?.posted.usd_micros).toBeLessThanOrEqual(200);
    await clock.advance(65_000);
    expect(await ask(second)).toEqual({ flag: "FIN" });
    expect(await ask(second)).toEqual({ flag: "FIN" });
    expect(await ask(second)).toMatchObject({ error: { code: "EWINDOW" } });
    await second.router.close();
  });

  it("D4 that was changed in the configuration counts on books that outlived the router", async () => {
    const clock = createVirtualClock(4);
    const ledger = createMemoryLedgerStore(clock);
    const first = simulate({ usdMicros: 100 }, { clock, ledger });
    await ask(first);
    expect(await ask(first)).toMatchObject({ error: { code: "EBUDGET" } });
    await first.router.close();
    const second = simulate({ usdMicros: 200 }, { clock, ledger });
    expect(await ask(second)).toEqual({ flag: "FIN" });
    await second.router.close();
  });
});
