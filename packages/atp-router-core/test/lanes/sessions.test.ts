import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNamedLanes } from "../support/named-lanes.js";
import type { NamedLanes, NamedOutcome, NamedTicket } from "../support/named-lanes.js";

type TestTicket = Omit<NamedTicket, "seat">;
const ticket = (id: string, more: Partial<TestTicket> = {}): TestTicket => ({
  id,
  lane: "silver",
  tenant: "t",
  cost: 100,
  ...more,
});
const granted = (outcomes: readonly NamedOutcome[]): string[] =>
  outcomes.flatMap((o) => (o.t === "granted" ? [o.id] : []));

/** One slot: what runs ends, the next one starts. */
function drain(l: NamedLanes, first: string, n: number, cost?: (id: string) => number): string[] {
  const order: string[] = [];
  let running = first;
  for (let at = 1; order.length < n; at++) {
    const [next] = granted(l.release(running, at, cost?.(running)));
    if (next === undefined) return order;
    order.push(next);
    running = next;
  }
  return order;
}
const count = (order: readonly string[], prefix: string): number => order.filter((id) => id.startsWith(prefix)).length;

describe("lanes: sessions of one tenant", () => {
  const lanes = (maxQueued = 1_000): NamedLanes => createNamedLanes({ slots: 1, reserved: {}, maxQueued });

  it("share what the tenant gets: one that sends ten times as much gets no more, and the tenant neither", () => {
    const l = lanes();
    l.enqueue(ticket("first", { tenant: "x", cost: 1 }), 0);
    for (let i = 0; i < 100; i++) l.enqueue(ticket(`loud-${i}`, { session: "loud" }), 0);
    for (let i = 0; i < 10; i++) l.enqueue(ticket(`quiet-${i}`, { session: "quiet" }), 0);
    for (let i = 0; i < 40; i++) l.enqueue(ticket(`other-${i}`, { tenant: "u" }), 0);
    const order = drain(l, "first", 40);
    expect(count(order, "other")).toBe(20);
    expect(count(order, "quiet")).toBe(10);
    expect(count(order, "loud")).toBe(10);
  });

  it("are counted in cost: one of long calls gets as much as one of short calls", () => {
    const l = lanes();
    l.enqueue(ticket("first", { tenant: "x", cost: 1 }), 0);
    for (let i = 0; i < 100; i++) l.enqueue(ticket(`short-${i}`, { session: "a", cost: 10 }), 0);
    for (let i = 0; i < 100; i++) l.enqueue(ticket(`long-${i}`, { session: "b", cost: 100 }), 0);
    const order = drain(l, "first", 55);
    expect(Math.abs(count(order, "short") * 10 - count(order, "long") * 100)).toBeLessThanOrEqual(110);
  });

  it("are charged by what their calls really cost", () => {
    const l = lanes();
    l.enqueue(ticket("a0", { session: "a" }), 0);
    for (let i = 1; i <= 4; i++) for (const session of ["a", "b"]) l.enqueue(ticket(`${session}${i}`, { session }), 0);
    const order = drain(l, "a0", 8, (id) => (id === "a1" ? 350 : 100));
    expect(order.slice(0, 6)).toEqual(["a1", "b1", "b2", "b3", "b4", "a2"]);
  });

  it("one after the other they are one queue, in the order in which they came", () => {
    const l = lanes();
    l.enqueue(ticket("first", { tenant: "x" }), 0);
    for (let i = 0; i < 6; i++) {
      l.enqueue(ticket(`s${i}`, { session: `s${i}` }), i);
      l.cancel(`s${i}`, i);
    }
    for (let i = 0; i < 3; i++) l.enqueue(ticket(`one-${i}`, { session: "one" }), 10);
    expect(drain(l, "first", 3)).toEqual(["one-0", "one-1", "one-2"]);
  });

  it("in a full lane the longest one makes room", () => {
    const l = lanes(6);
    l.enqueue(ticket("first", { tenant: "x" }), 0);
    for (let i = 0; i < 5; i++) l.enqueue(ticket(`loud-${i}`, { session: "loud" }), 0);
    l.enqueue(ticket("quiet-0", { session: "quiet" }), 0);
    expect(l.enqueue(ticket("new", { tenant: "u" }), 0)).toMatchObject([
      { t: "shed", id: "loud-4", reason: "queue_full" },
    ]);
    // Sessions with one ticket each: the one that came last.
    const even = lanes(3);
    even.enqueue(ticket("first", { tenant: "x" }), 0);
    for (const session of ["a", "b", "c"]) even.enqueue(ticket(session, { session }), 0);
    expect(even.enqueue(ticket("new", { tenant: "u" }), 0)).toMatchObject([{ t: "shed", id: "c" }]);
  });

  it("as many as come and go are forgotten", () => {
    const l = lanes(10_000);
    l.enqueue(ticket("first", { tenant: "x", cost: 1 }), 0);
    l.enqueue(ticket("stay", { session: "stay", cost: 1e9 }), 0);
    for (let i = 0; i < 1_000; i++) l.enqueue(ticket(`s${i}`, { session: `s${i}` }), 0);
    expect(drain(l, "first", 1_001)).toHaveLength(1_001);
    expect(l.view(2_000).lanes.silver.queued).toBe(0);
  });

  it("whatever comes, ends and goes: each ticket has its outcome once, none waits beside a free slot, and queues count right", () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          t: fc.constant("enqueue" as const),
          tenant: fc.constantFrom("a", "b"),
          session: fc.constantFrom("1", "2", "3"),
          cost: fc.integer({ min: 1, max: 200 }),
          ttl: fc.option(fc.integer({ min: 50, max: 600 })),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ t: fc.constant("release" as const), cost: fc.integer({ min: 0, max: 400 }) }),
      },
      { weight: 1, arbitrary: fc.record({ t: fc.constant("cancel" as const), nth: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ t: fc.constant("expire" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const l = createNamedLanes({ slots: 2, reserved: {}, maxQueued: 12, maxWaitMs: 400 });
        const waiting = new Map<string, string>();
        const running: string[] = [];
        const take = (outcomes: readonly NamedOutcome[]): void => {
          for (const o of outcomes) {
            if (!waiting.delete(o.id)) throw new Error(`${o.id} had its outcome before`);
            if (o.t === "granted") running.push(o.id);
          }
        };
        steps.forEach((s, i) => {
          const at = i * 10;
          if (s.t === "enqueue") {
            const { tenant, session, cost, ttl } = s;
            waiting.set(`t${i}`, session);
            const deadline = ttl === null ? {} : { deadlineAt: at + ttl };
            take(l.enqueue(ticket(`t${i}`, { tenant, session, cost, ...deadline }), at));
          } else if (s.t === "release" && running.length > 0) take(l.release(running.shift() ?? "", at, s.cost));
          else if (s.t === "cancel" && waiting.size > 0) {
            const id = [...waiting.keys()][s.nth % waiting.size] ?? "";
            waiting.delete(id);
            take(l.cancel(id, at));
          } else take(l.expire(at));
          expect(l.view(at).lanes.silver.queued).toBe(waiting.size);
          if (running.length < 2) expect(waiting.size).toBe(0);
        });
        // What is left is served to the last.
        for (let at = steps.length * 10; running.length > 0; at++) take(l.release(running.shift() ?? "", at));
        expect(waiting.size).toBe(0);
      }),
    );
  });
});
