/** A binary heap with the least member on top; O(log n). Members are told their place, so that any can be moved or taken out. */
export interface Heap<T extends { place: number }> {
  readonly size: number;
  push(member: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
  /** The member's order changed. */
  moved(member: T): void;
  remove(member: T): void;
}

/** An empty heap. `before` tells which of two comes first. A member outside any heap has place -1. */
export function createHeap<T extends { place: number }>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];

  function set(i: number, member: T): void {
    items[i] = member;
    member.place = i;
  }

  function up(start: number): void {
    const member = items[start] as T;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = items[parent] as T;
      if (!before(member, above)) break;
      set(i, above);
      i = parent;
    }
    set(i, member);
  }

  function down(start: number): void {
    const member = items[start] as T;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      const right = items[child + 1];
      if (right !== undefined && before(right, items[child] as T)) child++;
      const below = items[child] as T;
      if (!before(below, member)) break;
      set(i, below);
      i = child;
    }
    set(i, member);
  }

  function takeAt(i: number): T {
    const member = items[i] as T;
    const last = items.pop() as T;
    if (last !== member) {
      set(i, last);
      up(i);
      down(last.place);
    }
    member.place = -1;
    return member;
  }

  return {
    get size() {
      return items.length;
    },
    push(member) {
      items.push(member);
      member.place = items.length - 1;
      up(member.place);
    },
    peek: () => items[0],
    pop: () => (items.length === 0 ? undefined : takeAt(0)),
    moved(member) {
      up(member.place);
      down(member.place);
    },
    remove(member) {
      if (member.place >= 0) takeAt(member.place);
    },
  };
}
