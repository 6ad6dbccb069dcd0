import { describe, expect, it } from "vitest";
import type { LanesConfig } from "../../src/lanes/index.js";
import type { Lane } from "../../src/model/index.js";
import { createNamedLanes } from "../support/named-lanes.js";
import type { NamedLanes, NamedOutcome } from "../support/named-lanes.js";

const MEAN_MS = 100;

/** Twelve slots that know that a call takes 100 ms. */
function lanes(config: Partial<LanesConfig> = {}): NamedLanes {
  const l = createNamedLanes({ slots: 12, reserved: {}, maxWaitMs: 60_000, ...config });
  for (let i = 0; i < 4; i++) ask(l, `warm${i}`, "silver", 0);
  for (let i = 0; i < 4; i++) l.release(`warm${i}`, MEAN_MS);
  return l;
}

const ask = (l: NamedLanes, id: string, lane: Lane, at: number, tenant = "t"): readonly NamedOutcome[] =>
  l.enqueue({ id, lane, tenant, cost: 100 }, at);
const cut = (outcomes: readonly NamedOutcome[]): string[] =>
  outcomes.flatMap((outcome) => (outcome.t === "preempted" ? [outcome.id] : []));

/** All slots run bronze, begun one after the other. */
function full(config: Partial<LanesConfig> = {}): NamedLanes {
  const l = lanes(config);
  for (let i = 0; i < 12; i++) ask(l, `b${i}`, "bronze", 100 + i);
  return l;
}

describe("lanes: gold cuts bronze", () => {
  it("ends the call that began last, once gold has waited 0.4 of a mean call, and says when", () => {
    const l = full();
    expect(cut(ask(l, "g", "gold", 120))).toEqual([]);
    expect(l.nextExpiryAt()).toBe(120 + 0.4 * MEAN_MS);
    expect(cut(l.expire(159))).toEqual([]);
    expect(cut(l.expire(160))).toEqual(["b11"]);
    // The slot is gold's when the call has ended, not before.
    expect(l.release("b11", 161, 30)).toMatchObject([{ t: "granted", id: "g", waitedMs: 41 }]);
    expect(l.view(161).lanes.bronze.preempted).toBe(1);
  });

  it("has one on its way out at a time, and leaves bronze its floor: one part in twelve", () => {
    const l = full();
    for (let i = 0; i < 30; i++) ask(l, `g${i}`, "gold", 120);
    const ended: string[] = [];
    const granted: string[] = [];
    let outcomes = l.expire(160);
    for (let at = 161; outcomes.length > 0; at++) {
      const [id, ...more] = cut(outcomes);
      expect(more).toEqual([]);
      // As long as one is on its way out no other one is cut.
      expect(l.expire(at)).toEqual([]);
      outcomes = id === undefined ? [] : l.release(id, at, 30);
      if (id !== undefined) ended.push(id);
      for (const outcome of outcomes) if (outcome.t === "granted") granted.push(outcome.id);
    }
    // The oldest runs on: it is the floor.
    expect(ended).toEqual(Array.from({ length: 11 }, (_, i) => `b${11 - i}`));
    expect(granted).toEqual(Array.from({ length: 11 }, (_, i) => `g${i}`));
    expect(l.view(1_000).lanes.bronze.running).toBe(1);
  });

  it.each<[string, Partial<LanesConfig>, Lane]>([
    ["never for silver", {}, "silver"],
    ["never for bronze", {}, "bronze"],
    ["never when told not to", { preempt: false }, "gold"],
  ])("%s", (_, config, lane) => {
    const l = full(config);
    ask(l, "x", lane, 120);
    for (let at = 120; at < 1_000; at += 10) expect(cut(l.expire(at))).toEqual([]);
  });
});

describe("lanes: the newest first for a tenant that is late", () => {
  it("turns when its oldest has waited four fifths of its time, and back when that is over", () => {
    const serve = (waited: number): string[] => {
      const l = createNamedLanes({ slots: 1, reserved: {}, maxWaitMs: 1_000, preempt: false });
      ask(l, "running", "silver", 0);
      for (const [i, id] of ["old", "middle", "new"].entries()) ask(l, id, "silver", i);
      const order: string[] = [];
      for (let last = "running"; order.length < 3; ) {
        const granted = l.release(last, waited).flatMap((o) => (o.t === "granted" ? [o.id] : []));
        if (granted.length === 0) break;
        order.push(...granted);
        last = granted[0] ?? "";
      }
      return order;
    };
    expect(serve(700)).toEqual(["old", "middle", "new"]);
    expect(serve(810)).toEqual(["new", "middle", "old"]);
  });

  it("turns for that tenant alone", () => {
    const l = createNamedLanes({ slots: 1, reserved: {}, maxWaitMs: 1_000, preempt: false });
    ask(l, "running", "silver", 0);
    ask(l, "late-1", "silver", 0, "late");
    ask(l, "late-2", "silver", 1, "late");
    ask(l, "fresh-1", "silver", 500, "fresh");
    ask(l, "fresh-2", "silver", 501, "fresh");
    const order: string[] = [];
    for (let last = "running"; order.length < 4; last = order.at(-1) ?? "")
      order.push(...l.release(last, 900).flatMap((o) => (o.t === "granted" ? [o.id] : [])));
    expect(order.filter((id) => id.startsWith("late"))).toEqual(["late-2", "late-1"]);
    expect(order.filter((id) => id.startsWith("fresh"))).toEqual(["fresh-1", "fresh-2"]);
  });

  it("wants to be woken only when there is something to do: never by gold that waits where no bronze runs", () => {
    const l = lanes();
    for (let i = 0; i < 12; i++) ask(l, `s${i}`, "silver", 100 + i);
    ask(l, "g", "gold", 120);
    expect(l.expire(160)).toEqual([]);
    // What comes next is the end of its patience.
    expect(l.nextExpiryAt()).toBeGreaterThan(1_000);
    // Nor by gold that bronze was looked through for, in vain.
    const floor = lanes();
    for (let i = 0; i < 11; i++) ask(floor, `s${i}`, "silver", 100 + i);
    ask(floor, "b", "bronze", 115);
    ask(floor, "g", "gold", 120);
    expect(floor.nextExpiryAt()).toBe(160);
    expect(floor.expire(160)).toEqual([]);
    expect(floor.nextExpiryAt()).toBeGreaterThan(1_000);
  });
});
