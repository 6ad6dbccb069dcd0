import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventQueue, KEPT_EVENTS, slotOf } from "../src/event-queue.js";
import type { RunEvent } from "../src/run-events.js";

const frame = { v: 1, session_id: "s", stream_id: "1", msg_seq: 2, flags: [] } as const;
const piece = (adapter: string, text: string, attempt = 0): RunEvent => ({
  type: "partial",
  adapter,
  sample: 0,
  chunk: 0,
  attempt,
  text,
  frame,
});
const note = (n: number): RunEvent => ({ type: "log", content: { n }, frame });

function drain(queue: EventQueue): RunEvent[] {
  const events: RunEvent[] = [];
  for (let event = queue.shift(); event !== undefined; event = queue.shift()) events.push(event);
  return events;
}

describe("events that wait for their reader", () => {
  it("keep every text of every adapter, in order, whatever the reader does, within a bound", () => {
    const adapters = ["a", "b", "c"];
    const action = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          t: fc.constant("piece" as const),
          adapter: fc.constantFrom(...adapters),
          n: fc.integer({ min: 1, max: 400 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ t: fc.constant("note" as const), n: fc.integer({ min: 1, max: 200 }) }) },
      { weight: 1, arbitrary: fc.record({ t: fc.constant("take" as const), n: fc.integer({ min: 1, max: 900 }) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const queue = new EventQueue();
        const sent: Record<string, string> = {};
        const got: Record<string, string> = {};
        let count = 0;
        const take = (event: RunEvent): void => {
          if (event.type === "partial") got[slotOf(event)] = (got[slotOf(event)] ?? "") + event.text;
        };
        for (const step of actions) {
          for (let i = 0; i < step.n; i++) {
            if (step.t === "take") {
              const event = queue.shift();
              if (event !== undefined) take(event);
            } else if (step.t === "note") queue.push(note(i));
            else {
              const text = `${count++};`;
              sent[step.adapter] = (sent[step.adapter] ?? "") + text;
              queue.push(piece(step.adapter, text));
            }
            expect(queue.length).toBeLessThanOrEqual(KEPT_EVENTS + adapters.length);
          }
        }
        for (const event of drain(queue)) take(event);
        expect(got).toEqual(sent);
      }),
      { numRuns: 60 },
    );
  });

  it("past the bound a new attempt voids the text that waits (A4.2)", () => {
    const queue = new EventQueue();
    for (let i = 0; i < KEPT_EVENTS - 1; i++) queue.push(note(i));
    queue.push(piece("a", "old"));
    queue.push(piece("a", "new", 1));
    queue.push(piece("a", "stale", 0));
    const texts = drain(queue).flatMap((event) => (event.type === "partial" ? [event.text] : []));
    expect(texts).toEqual(["new"]);
  });

  it("past the bound the oldest event without text gives way, never the final", () => {
    const queue = new EventQueue();
    for (let i = 0; i < KEPT_EVENTS; i++) queue.push(note(i));
    queue.push({ type: "final", ok: true, answer: "x", frame });
    const events = drain(queue);
    expect(events).toHaveLength(KEPT_EVENTS);
    expect(events[0]).toMatchObject({ content: { n: 1 } });
    expect(events.at(-1)?.type).toBe("final");
  });
});
