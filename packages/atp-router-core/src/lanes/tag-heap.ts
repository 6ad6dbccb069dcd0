/** A member of a {@link TagHeap}: it keeps its number there. */
export interface Tagged {
  /** Its number while it is in the heap; -1 outside. */
  place: number;
}

/** Members by a tag and, where tags are equal, by an order; the least on top. O(log n). */
export interface TagHeap<T extends Tagged> {
  readonly size: number;
  push(member: T, tag: number, order: number): void;
  peek(): T | undefined;
  /** The member has another tag or order. */
  moved(member: T, tag: number, order: number): void;
  remove(member: T): void;
}

const ARITY = 4;
const FIRST_SIZE = 16;

/**
 * A heap of four children a node whose tags, orders and places lie in flat arrays: a move through ten thousand members touches
 * a few lines of memory instead of as many objects.
 */
export function createTagHeap<T extends Tagged>(): TagHeap<T> {
  /** By place in the heap. */
  let tags = new Float64Array(FIRST_SIZE);
  let orders = new Float64Array(FIRST_SIZE);
  let numbers = new Int32Array(FIRST_SIZE);
  /** By a member's number. */
  let places = new Int32Array(FIRST_SIZE);
  const members: (T | undefined)[] = [];
  const free: number[] = [];
  let size = 0;

  function grow(): void {
    const bigger = <A extends Float64Array | Int32Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    tags = bigger(tags, new Float64Array(size * 2));
    orders = bigger(orders, new Float64Array(size * 2));
    numbers = bigger(numbers, new Int32Array(size * 2));
    places = bigger(places, new Int32Array(size * 2));
  }

  function put(i: number, number: number, tag: number, order: number): void {
    tags[i] = tag;
    orders[i] = order;
    numbers[i] = number;
    places[number] = i;
  }

  /** Finds the place of a member from `i` on, upwards or downwards, moving others out of its way. */
  function settle(from: number, number: number, tag: number, order: number): void {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const above = tags[parent] as number;
      if (above < tag || (above === tag && (orders[parent] as number) < order)) break;
      put(i, numbers[parent] as number, above, orders[parent] as number);
      i = parent;
    }
    if (i === from) i = sink(from, tag, order);
    put(i, number, tag, order);
  }

  function sink(from: number, tag: number, order: number): number {
    let i = from;
    for (;;) {
      const first = i * ARITY + 1;
      if (first >= size) return i;
      const end = Math.min(first + ARITY, size);
      let best = first;
      for (let child = first + 1; child < end; child++) {
        const a = tags[child] as number;
        const b = tags[best] as number;
        if (a < b || (a === b && (orders[child] as number) < (orders[best] as number))) best = child;
      }
      const below = tags[best] as number;
      if (tag < below || (tag === below && order < (orders[best] as number))) return i;
      put(i, numbers[best] as number, below, orders[best] as number);
      i = best;
    }
  }

  return {
    get size() {
      return size;
    },
    push(member, tag, order) {
      if (size === tags.length) grow();
      const number = free.pop() ?? members.length;
      members[number] = member;
      member.place = number;
      settle(size++, number, tag, order);
    },
    peek: () => (size === 0 ? undefined : members[numbers[0] as number]),
    moved(member, tag, order) {
      settle(places[member.place] as number, member.place, tag, order);
    },
    remove(member) {
      const number = member.place;
      if (number < 0) return;
      const i = places[number] as number;
      member.place = -1;
      members[number] = undefined;
      free.push(number);
      size--;
      if (i === size) return;
      settle(i, numbers[size] as number, tags[size] as number, orders[size] as number);
    },
  };
}
