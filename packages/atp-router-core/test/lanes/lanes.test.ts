import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LanesConfig } from "../../src/lanes/index.js";
import type { Lane } from "../../src/model/index.js";
import { createNamedLanes } from "../support/named-lanes.js";
import type { NamedLanes, NamedOutcome, NamedTicket } from "../support/named-lanes.js";

type TestTicket = Omit<NamedTicket, "seat">;

const noReserve: Partial<LanesConfig> = { reserved: {} };
const lanes = (config: Partial<LanesConfig> & { readonly slots: number }): NamedLanes =>
  createNamedLanes({ ...noReserve, ...config });
const ticket = (id: string, more: Partial<TestTicket> = {}): TestTicket => ({
  id,
  lane: "silver",
  tenant: "t",
  cost: 100,
  ...more,
});
const granted = (outcomes: readonly NamedOutcome[]): string[] =>
  outcomes.flatMap((o) => (o.t === "granted" ? [o.id] : []));
const shed = (outcomes: readonly NamedOutcome[]): [string, string][] =>
  outcomes.flatMap((o) => (o.t === "shed" ? [[o.id, o.reason] as [string, string]] : []));

/** Runs a queue that never empties of slots: one call ends, the next starts. Returns the ids in the order of their start. */
function drain(l: NamedLanes, running: readonly string[], n: number, cost?: (id: string) => number): string[] {
  const order: string[] = [];
  const open = [...running];
  for (let at = 1; order.length < n; at++) {
    const ended = open.shift();
    if (ended === undefined) return order;
    const next = granted(l.release(ended, at, cost?.(ended)));
    order.push(...next);
    open.push(...next);
  }
  return order;
}

describe("lanes: slots", () => {
  it("grants at once while slots are free, and then in turn", () => {
    const l = lanes({ slots: 2 });
    expect(granted(l.enqueue(ticket("a"), 0))).toEqual(["a"]);
    expect(granted(l.enqueue(ticket("b"), 0))).toEqual(["b"]);
    expect(l.enqueue(ticket("c"), 5)).toEqual([]);
    expect(l.release("a", 12, 100)).toEqual([{ t: "granted", id: "c", waitedMs: 7 }]);
    expect(l.view(12)).toMatchObject({
      slots: 2,
      running: 2,
      lanes: { silver: { queued: 0, running: 2, granted: 3, shed: 0 } },
    });
  });

  it("a slot is reserved for gold by default, and only gold takes it", () => {
    const l = createNamedLanes({ slots: 2 });
    expect(granted(l.enqueue(ticket("b1", { lane: "bronze" }), 0))).toEqual(["b1"]);
    expect(granted(l.enqueue(ticket("b2", { lane: "bronze" }), 0))).toEqual([]);
    expect(granted(l.enqueue(ticket("g", { lane: "gold" }), 0))).toEqual(["g"]);
    // While gold uses its slot the other one is anybody's.
    expect(granted(l.release("b1", 1))).toEqual(["b2"]);
  });

  it("with one slot nothing is reserved, and one slot is left to the others whatever is reserved", () => {
    expect(granted(createNamedLanes({ slots: 1 }).enqueue(ticket("b", { lane: "bronze" }), 0))).toEqual(["b"]);
    expect(
      granted(createNamedLanes({ slots: 2, reserved: { gold: 2 } }).enqueue(ticket("b", { lane: "bronze" }), 0)),
    ).toEqual(["b"]);
  });

  it.each<[string, LanesConfig]>([
    ["more reserved than there is", { slots: 4, reserved: { gold: 3, silver: 2 } }],
    ["no time to wait", { slots: 4, waitShare: { gold: 0, silver: 0.5, bronze: 0.5 } }],
    ["more than its time to wait", { slots: 4, waitShare: { gold: 0.5, silver: 1.5, bronze: 0.5 } }],
  ])("refuses %s", (_, config) => {
    expect(() => createNamedLanes(config)).toThrow(RangeError);
  });

  it.each<[string, (l: NamedLanes) => readonly NamedOutcome[]]>([
    ["a release of an unknown ticket", (l) => l.release("x", 1)],
    ["a second release", (l) => (l.release("a", 1), l.release("a", 1))],
    ["a release of one that waits", (l) => l.release("c", 1)],
    ["a cancel of one that runs", (l) => l.cancel("a", 1)],
    ["a ticket of an id that is in use", (l) => l.enqueue(ticket("a"), 1)],
  ])("%s changes nothing more", (_, act) => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("a"), 0);
    l.enqueue(ticket("b"), 0);
    l.enqueue(ticket("c"), 0);
    expect(granted(act(l))).toEqual([]);
    const { running } = l.view(1);
    expect(running).toBeLessThanOrEqual(1);
  });

  it.each([
    { gold: 0, silver: 1, bronze: 1 },
    { gold: 1, silver: -1, bronze: 1 },
    { gold: NaN, silver: 1, bronze: 1 },
  ])("refuses the weights %j", (weights) => {
    expect(() => createNamedLanes({ slots: 1, weights })).toThrow(RangeError);
  });
});

describe("lanes: shedding", () => {
  it("a full lane sheds what comes, and the other lanes do not feel it", () => {
    const l = lanes({ slots: 1, maxQueued: 1 });
    l.enqueue(ticket("running"), 0);
    l.enqueue(ticket("queued"), 0);
    expect(l.enqueue(ticket("late"), 0)).toEqual([
      { t: "shed", id: "late", reason: "queue_full", retryAfterMs: 1_000 },
    ]);
    expect(l.enqueue(ticket("gold", { lane: "gold" }), 0)).toEqual([]);
  });

  it("sheds by deadline and by patience, and tells when it will", () => {
    const l = lanes({ slots: 1, maxWaitMs: 500 });
    l.enqueue(ticket("running"), 0);
    expect(l.nextExpiryAt()).toBeNull();
    l.enqueue(ticket("patient"), 0);
    l.enqueue(ticket("hurried", { deadlineAt: 200 }), 0);
    // Some of its time is left for its call.
    expect(l.nextExpiryAt()).toBe(160);
    expect(l.expire(159)).toEqual([]);
    expect(shed(l.expire(160))).toEqual([["hurried", "timeout"]]);
    expect(shed(l.expire(500))).toEqual([["patient", "timeout"]]);
    expect(l.view(500).lanes.silver).toMatchObject({ queued: 0, shed: 2 });
  });

  it("a deadline that has passed is not queued, and nothing starts after its time", () => {
    const l = lanes({ slots: 1, maxWaitMs: 100 });
    expect(shed(l.enqueue(ticket("late", { deadlineAt: 5 }), 5))).toEqual([["late", "deadline"]]);
    l.enqueue(ticket("running"), 10);
    l.enqueue(ticket("old"), 10);
    l.enqueue(ticket("young"), 60);
    const outcomes = l.release("running", 110);
    expect(shed(outcomes)).toEqual([["old", "timeout"]]);
    expect(granted(outcomes)).toEqual(["young"]);
  });

  it("room that expired tickets leave is used before anything is shed for a full queue", () => {
    const l = lanes({ slots: 1, maxQueued: 1, maxWaitMs: 100 });
    l.enqueue(ticket("running"), 0);
    l.enqueue(ticket("old"), 0);
    expect(shed(l.enqueue(ticket("new"), 200))).toEqual([["old", "timeout"]]);
    expect(granted(l.release("running", 201))).toEqual(["new"]);
  });

  it("tells to come back when the next of the tenant's is served", () => {
    const l = lanes({ slots: 1, maxQueued: 1, maxWaitMs: 60_000 });
    l.enqueue(ticket("a"), 0);
    l.enqueue(ticket("b"), 0);
    l.release("a", 7_000);
    l.enqueue(ticket("c"), 7_000);
    expect(l.enqueue(ticket("d"), 7_000)).toMatchObject([{ t: "shed", retryAfterMs: 7_000 }]);
  });
});

describe("lanes: fairness", () => {
  it("shares the work 8:3:1 under full load, exactly over twelve", () => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("silver-first"), 0);
    for (let i = 0; i < 100; i++)
      for (const lane of ["gold", "silver", "bronze"] as const) l.enqueue(ticket(`${lane}-${i}`, { lane }), 0);
    const order = ["silver-first", ...drain(l, ["silver-first"], 95)];
    const share = (lane: string): number => order.filter((id) => id.startsWith(lane)).length;
    expect([share("gold"), share("silver"), share("bronze")]).toEqual([64, 24, 8]);
  });

  it("a tenant with ten times the calls gets no larger share, counted in tokens", () => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("first", { tenant: "other", cost: 1 }), 0);
    for (let i = 0; i < 400; i++) l.enqueue(ticket(`many-${i}`, { tenant: "many", cost: 10 }), 0);
    for (let i = 0; i < 40; i++) l.enqueue(ticket(`few-${i}`, { tenant: "few", cost: 100 }), 0);
    const order = drain(l, ["first"], 220);
    const tokens = (name: string, cost: number): number => order.filter((id) => id.startsWith(name)).length * cost;
    expect(Math.abs(tokens("many", 10) - tokens("few", 100))).toBeLessThanOrEqual(110);
  });

  it.each([
    ["none", () => undefined],
    ["one that is the tenant's own", (l: NamedLanes, tenant: string) => l.accountOf(tenant)],
    ["another tenant's", (l: NamedLanes) => l.accountOf("big")],
    ["one that nobody has", () => 1_000_000],
    ["no number of a tenant", () => -1],
  ])("charges the tenant that a ticket names, whatever account it brings: %s", (_, accountOf) => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("first"), 0);
    for (let i = 0; i < 20; i++) {
      l.enqueue(ticket(`big-${i}`, { tenant: "big", account: accountOf(l, "big") }), 0);
      l.enqueue(ticket(`small-${i}`, { tenant: "small", account: accountOf(l, "small") }), 0);
    }
    const order = drain(l, ["first"], 20);
    expect(order.filter((id) => id.startsWith("small"))).toHaveLength(10);
  });

  it("equals go in the order in which they came", () => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("first", { tenant: "z" }), 0);
    for (const id of ["b", "a", "c"]) l.enqueue(ticket(id, { tenant: id }), 0);
    expect(drain(l, ["first"], 3)).toEqual(["b", "a", "c"]);
  });

  it("what is dropped is never charged: a burst that expired costs its tenant nothing", () => {
    const l = lanes({ slots: 1, maxWaitMs: 100 });
    l.enqueue(ticket("first", { tenant: "other", cost: 1 }), 0);
    for (let i = 0; i < 50; i++) l.enqueue(ticket(`burst-${i}`, { tenant: "a", cost: 1_000 }), 0);
    for (let i = 0; i < 50; i++) l.cancel(`burst-${i}`, 50);
    l.enqueue(ticket("b1", { tenant: "b" }), 60);
    l.enqueue(ticket("a1", { tenant: "a" }), 61);
    l.enqueue(ticket("b2", { tenant: "b" }), 62);
    l.enqueue(ticket("a2", { tenant: "a" }), 63);
    expect(drain(l, ["first"], 4)).toEqual(["b1", "a1", "b2", "a2"]);
  });

  it("a call that cost more than was expected is charged for it, one that cost less gets it back", () => {
    const order = (actual: number): string[] => {
      const l = lanes({ slots: 1 });
      l.enqueue(ticket("a0", { tenant: "a", cost: 100 }), 0);
      for (let i = 1; i <= 3; i++)
        for (const tenant of ["a", "b"]) l.enqueue(ticket(`${tenant}${i}`, { tenant, cost: 100 }), 0);
      return drain(l, ["a0"], 6, (id) => (id === "a0" ? actual : 100));
    };
    expect(order(100)).toEqual(["b1", "a1", "b2", "a2", "b3", "a3"]);
    expect(order(310)).toEqual(["b1", "b2", "b3", "a1", "a2", "a3"]);
    expect(order(1)[0]).toBe("b1");
    expect(order(1)[1]).toBe("a1");
  });

  it("who was away saves up nothing: it starts where the others are", () => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("a0", { tenant: "a" }), 0);
    for (let i = 1; i <= 50; i++) l.enqueue(ticket(`a${i}`, { tenant: "a" }), 0);
    const served = drain(l, ["a0"], 30);
    for (let i = 0; i < 20; i++) l.enqueue(ticket(`late${i}`, { tenant: "late" }), 100);
    const order = drain(l, [served.at(-1) ?? ""], 20);
    const late = order.filter((id) => id.startsWith("late")).length;
    expect(late).toBeGreaterThanOrEqual(9);
    expect(late).toBeLessThanOrEqual(11);
  });

  it("free calls are not free of charge: a flood at cost 0 does not go before everything", () => {
    const l = lanes({ slots: 1 });
    l.enqueue(ticket("first", { tenant: "x", cost: 1 }), 0);
    for (let i = 0; i < 100; i++) l.enqueue(ticket(`zero-${i}`, { tenant: "zero", cost: 0 }), 0);
    for (let i = 0; i < 10; i++) l.enqueue(ticket(`one-${i}`, { tenant: "one", cost: 1 }), 0);
    expect(drain(l, ["first"], 20).filter((id) => id.startsWith("one"))).toHaveLength(10);
  });
});

describe("lanes: properties", () => {
  const laneNames = ["gold", "silver", "bronze"] as const;
  const anyTicket = fc.record({
    lane: fc.constantFrom(...laneNames),
    tenant: fc.constantFrom("a", "b", "c"),
    cost: fc.integer({ min: 1, max: 200 }),
    deadline: fc.option(fc.integer({ min: 1, max: 400 })),
  });
  const anyStep = fc.oneof(
    { weight: 4, arbitrary: fc.record({ t: fc.constant("enqueue" as const), ticket: anyTicket }) },
    {
      weight: 3,
      arbitrary: fc.record({
        t: fc.constant("release" as const),
        nth: fc.nat(),
        cost: fc.integer({ min: 0, max: 400 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ t: fc.constant("cancel" as const), nth: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ t: fc.constant("expire" as const) }) },
  );

  it("each ticket is granted or shed once, at most `slots` run, and no slot stays free while somebody may take it", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 120 }), fc.integer({ min: 1, max: 4 }), (steps, slots) => {
        const l = createNamedLanes({ slots, maxQueued: 5, maxWaitMs: 300 });
        const running = new Map<string, Lane>();
        const waiting = new Map<string, Lane>();
        const laneOf = new Map<string, Lane>();
        const take = (outcomes: readonly NamedOutcome[]): void => {
          for (const o of outcomes) {
            const lane = laneOf.get(o.id);
            if (lane === undefined || !waiting.delete(o.id)) throw new Error(`${o.id} had its outcome before`);
            if (o.t === "granted") running.set(o.id, lane);
          }
        };
        steps.forEach((step, i) => {
          const at = i * 10;
          if (step.t === "enqueue") {
            const { deadline, ...rest } = step.ticket;
            const id = `t${i}`;
            laneOf.set(id, rest.lane);
            waiting.set(id, rest.lane);
            take(l.enqueue({ id, ...rest, ...(deadline === null ? {} : { deadlineAt: at + deadline }) }, at));
          } else if (step.t === "release" && running.size > 0) {
            const id = [...running.keys()][step.nth % running.size] ?? "";
            running.delete(id);
            take(l.release(id, at, step.cost));
          } else if (step.t === "cancel" && waiting.size > 0) {
            const id = [...waiting.keys()][step.nth % waiting.size] ?? "";
            waiting.delete(id);
            take(l.cancel(id, at));
          } else take(l.expire(at));
          const view = l.view(at);
          expect(view.running).toBe(running.size);
          expect(running.size).toBeLessThanOrEqual(slots);
          for (const lane of laneNames) {
            expect(view.lanes[lane].queued).toBe([...waiting.values()].filter((w) => w === lane).length);
            expect(view.lanes[lane].queued).toBeLessThanOrEqual(5);
          }
          // Work-conserving: gold may take any slot; the others all but the one that gold has kept.
          const kept = slots > 1 && ![...running.values()].includes("gold") ? 1 : 0;
          if (running.size < slots) expect(view.lanes.gold.queued).toBe(0);
          if (running.size < slots - kept) expect(waiting.size).toBe(0);
        });
      }),
    );
  });

  it("SFQ: two tenants that always wait are served within the bound l_f + l_g of each other, whatever their calls cost", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 20, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 200, maxLength: 300 }),
        (f, g) => {
          const l = lanes({ slots: 1 });
          l.enqueue(ticket("first", { tenant: "x", cost: 1 }), 0);
          f.forEach((cost, i) => l.enqueue(ticket(`f${i}`, { tenant: "f", cost }), 0));
          g.forEach((cost, i) => l.enqueue(ticket(`g${i}`, { tenant: "g", cost }), 0));
          const bound = Math.max(...f) + Math.max(...g);
          const served = { f: 0, g: 0 };
          const left = { f: f.length, g: g.length };
          let running = "first";
          for (;;) {
            const [next] = granted(l.release(running, 1));
            if (next === undefined) return;
            const who = next[0] as "f" | "g";
            served[who] += (who === "f" ? f : g)[Number(next.slice(1))] as number;
            left[who]--;
            if (left.f === 0 || left.g === 0) return;
            expect(Math.abs(served.f - served.g)).toBeLessThanOrEqual(bound);
            running = next;
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
