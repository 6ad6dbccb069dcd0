import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPlaces, createTagHeap } from "../../src/lanes/tag-heap.js";

interface Item {
  readonly member: number;
  tag: number;
  readonly order: number;
}
const least = (list: readonly Item[]): number =>
  [...list].sort((a, b) => a.tag - b.tag || a.order - b.order)[0]?.member ?? -1;

describe("tag heap", () => {
  const op = fc.oneof(
    { weight: 3, arbitrary: fc.record({ t: fc.constant("push" as const), tag: fc.nat({ max: 20 }), heap: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ t: fc.constant("move" as const), nth: fc.nat(), tag: fc.nat({ max: 20 }) }) },
    { weight: 1, arbitrary: fc.record({ t: fc.constant("remove" as const), nth: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ t: fc.constant("pop" as const), heap: fc.nat(1) }) },
  );

  it("gives what a sorted list gives, whatever is pushed, moved and taken out, in two heaps that share their places", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 150 }), (ops) => {
        const places = createPlaces();
        const heaps = [createTagHeap(places), createTagHeap(places)] as const;
        const lists: [Item[], Item[]] = [[], []];
        ops.forEach((o, member) => {
          if (o.t === "push") {
            // Members' numbers are far apart, so that places have to grow.
            lists[o.heap as 0 | 1].push({ member: member * 7, tag: o.tag, order: member });
            heaps[o.heap as 0 | 1].push(member * 7, o.tag, member);
          } else if (o.t === "pop") {
            const which = o.heap as 0 | 1;
            const top = heaps[which].peek();
            expect(top).toBe(least(lists[which]));
            heaps[which].remove(top);
            lists[which] = lists[which].filter((one) => one.member !== top);
          } else {
            const all = [...lists[0], ...lists[1]];
            const item = all[o.nth % Math.max(1, all.length)];
            if (item === undefined) return;
            const which = lists[0].includes(item) ? 0 : 1;
            if (o.t === "move") {
              item.tag = o.tag;
              heaps[which].moved(item.member, item.tag, item.order);
            } else {
              heaps[which].remove(item.member);
              heaps[which].remove(item.member);
              lists[which] = lists[which].filter((one) => one !== item);
            }
          }
          for (const which of [0, 1] as const) {
            expect(heaps[which].size).toBe(lists[which].length);
            expect(heaps[which].peek()).toBe(least(lists[which]));
          }
        });
      }),
    );
  });

  it("takes nobody out who is in no heap", () => {
    const heap = createTagHeap();
    heap.remove(-1);
    heap.remove(1_000);
    expect(heap.size).toBe(0);
    expect(heap.peek()).toBe(-1);
  });
});
