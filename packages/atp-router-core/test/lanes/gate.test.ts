import { describe, expect, it } from "vitest";
import { createGate } from "../../src/lanes/index.js";
import type { Gate, LanesConfig } from "../../src/lanes/index.js";
import type { Lane } from "../../src/model/index.js";
import { createNamedLanes } from "../support/named-lanes.js";
import type { NamedLanes } from "../support/named-lanes.js";

const SERVICE_MS = 100;

/** Slots that serve in virtual time, calls of 70 to 130 ms. */
interface World {
  readonly lanes: NamedLanes;
  readonly gate: Gate;
  at: number;
  /** Sends a request through the gate; false: refused there. */
  ask(lane: Lane, tenant: string, ttlMs?: number): boolean;
  until(at: number): void;
}

function world(config: Partial<LanesConfig> = {}): World {
  const lanes = createNamedLanes({ slots: 4, reserved: {}, preempt: false, maxWaitMs: 2_000, ...config });
  const gate = createGate(lanes, 1);
  const ends: { id: string; at: number }[] = [];
  let n = 0;
  let served = 0;
  const take = (outcomes: ReturnType<NamedLanes["enqueue"]>, at: number): void => {
    for (const outcome of outcomes)
      if (outcome.t === "granted")
        ends.push({ id: outcome.id, at: at + SERVICE_MS + (((served++ * 37) % 7) - 3) * 10 });
    ends.sort((a, b) => a.at - b.at);
  };
  const self: World = {
    lanes,
    gate,
    at: 0,
    ask(lane, tenant, ttlMs = 10_000) {
      if (gate.refusal({ lane, tenant, ttlMs }, self.at) !== undefined) return false;
      take(lanes.enqueue({ id: `q${n++}`, lane, tenant, cost: 100, deadlineAt: self.at + ttlMs }, self.at), self.at);
      return true;
    },
    until(at) {
      for (let next = ends[0]; next !== undefined && next.at <= at; next = ends[0]) {
        ends.shift();
        self.at = next.at;
        take(lanes.release(next.id, next.at), next.at);
      }
      self.at = at;
    },
  };
  // What a call costs in time is known from the first that end.
  for (let i = 0; i < 8; i++) self.ask("silver", "warm");
  self.until(1_000);
  return self;
}

/** Fills a lane until the gate shuts. */
function fill(w: World, lane: Lane): number {
  let n = 0;
  while (n < 10_000 && w.ask(lane, `t${n % 8}`)) n++;
  return n;
}

describe("the door", () => {
  it("is open while a slot is free, whatever was foreseen", () => {
    const w = world();
    expect(w.ask("bronze", "a", 1)).toBe(true);
  });

  it("lets in what will be served in time and refuses what will not", () => {
    const w = world();
    const bronze = fill(w, "bronze");
    // Four slots of 100 ms serve 40 a second; bronze may wait 70% of two seconds, and 80% of that is let in.
    expect(bronze).toBeGreaterThan(30);
    expect(bronze).toBeLessThan(80);
    expect(w.gate.refusal({ lane: "gold", tenant: "g", ttlMs: 10_000 }, w.at)).toBeUndefined();
    expect(w.gate.refusal({ lane: "bronze", tenant: "t0", ttlMs: 10_000 }, w.at)).toMatchObject({ reason: "wait" });
    expect(w.lanes.view(w.at).lanes.bronze.shed_by).toMatchObject({ wait: 2 });
  });

  it.each<Lane>(["gold", "silver", "bronze"])(
    "tells %s honestly when to come back: then it is let in and served",
    (lane) => {
      for (const tenant of ["t0", "another"]) {
        const w = world();
        fill(w, lane);
        const { granted } = w.lanes.view(w.at).lanes[lane];
        // What calls take is learned and moves by a few hundredths: whoever comes when told may have to come once more.
        let refusals = 0;
        for (; !w.ask(lane, tenant); refusals++) {
          const refusal = w.gate.refusal({ lane, tenant, ttlMs: 10_000 }, w.at);
          w.until(w.at + Math.ceil(refusal?.retryAfterMs ?? 0));
        }
        expect(refusals).toBeLessThanOrEqual(2);
        w.until(w.at + 5_000);
        expect(w.lanes.view(w.at).lanes[lane].granted).toBeGreaterThan(granted);
        expect(w.lanes.view(w.at).lanes[lane].shed_by).not.toMatchObject({ timeout: expect.anything() as number });
      }
    },
  );

  it("refuses at once what its deadline leaves no time for", () => {
    const w = world();
    for (let i = 0; i < 20; i++) w.ask("silver", "a");
    expect(w.gate.refusal({ lane: "silver", tenant: "a", ttlMs: 200 }, w.at)).toMatchObject({ reason: "wait" });
    expect(w.gate.refusal({ lane: "silver", tenant: "a", ttlMs: 5_000 }, w.at)).toBeUndefined();
  });

  it("counts those on their way to their lane", () => {
    const w = world();
    for (let i = 0; i < 8; i++) w.ask("bronze", "a");
    let entered = 0;
    let account = -1;
    while (entered < 1_000 && w.gate.refusal({ lane: "bronze", tenant: "a", ttlMs: 10_000 }, w.at) === undefined) {
      account = w.gate.entered("bronze", "a");
      entered++;
    }
    expect(entered).toBeLessThan(100);
    for (let i = 0; i < entered; i++) w.gate.arrived("bronze", account);
    expect(w.gate.refusal({ lane: "bronze", tenant: "a", ttlMs: 10_000 }, w.at)).toBeUndefined();
  });
});
