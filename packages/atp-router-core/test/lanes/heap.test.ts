import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHeap } from "../../src/lanes/heap.js";

interface Item {
  key: number;
  readonly id: number;
  place: number;
}
const before = (a: Item, b: Item): boolean => a.key < b.key || (a.key === b.key && a.id < b.id);

describe("heap", () => {
  it("gives what a sorted list gives, whatever is pushed, moved and taken out", () => {
    const op = fc.oneof(
      fc.record({ t: fc.constant("push" as const), key: fc.nat({ max: 20 }) }),
      fc.record({ t: fc.constant("pop" as const) }),
      fc.record({ t: fc.constant("move" as const), nth: fc.nat(), key: fc.nat({ max: 20 }) }),
      fc.record({ t: fc.constant("remove" as const), nth: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 100 }), (ops) => {
        const heap = createHeap<Item>(before);
        let list: Item[] = [];
        ops.forEach((o, id) => {
          if (o.t === "push") {
            const item = { key: o.key, id, place: -1 };
            heap.push(item);
            list.push(item);
          } else if (o.t === "pop") {
            list.sort((a, b) => (before(a, b) ? -1 : 1));
            const want = list.shift();
            const got = heap.pop();
            expect(got).toBe(want);
            if (got !== undefined) expect(got.place).toBe(-1);
          } else if (list.length > 0) {
            const item = list[o.nth % list.length] as Item;
            if (o.t === "move") {
              item.key = o.key;
              heap.moved(item);
            } else {
              heap.remove(item);
              heap.remove(item);
              list = list.filter((i) => i !== item);
            }
          }
          expect(heap.size).toBe(list.length);
          expect(heap.peek()).toBe([...list].sort((a, b) => (before(a, b) ? -1 : 1))[0]);
        });
      }),
    );
  });
});
