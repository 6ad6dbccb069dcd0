/** Where each member of a {@link TagHeap} is, by its number. Heaps whose members are never in two of them may share one. */
export interface Places {
  /** A member's place in its heap; -1 while it is in none. */
  at: Int32Array;
}

/** Members, known by whole numbers from 0 up, by a tag and, where tags are equal, by an order; the least on top. O(log n). */
export interface TagHeap {
  readonly size: number;
  push(member: number, tag: number, order: number): void;
  /** The least member; -1 when there is none. */
  peek(): number;
  /** The member has another tag or order. */
  moved(member: number, tag: number, order: number): void;
  remove(member: number): void;
}

const ARITY = 4;
const FIRST_SIZE = 16;

/** Places of members that are in no heap. */
export function createPlaces(): Places {
  return { at: new Int32Array(FIRST_SIZE).fill(-1) };
}

/**
 * A heap of four children a node whose tags, orders and members lie in flat arrays: a move through ten thousand members touches
 * a few lines of memory instead of as many objects.
 */
export function createTagHeap(places: Places = createPlaces()): TagHeap {
  return new FlatHeap(places);
}

/** A class, as there are many heaps: closures of each would be functions of their own, and none would be compiled into its callers. */
class FlatHeap implements TagHeap {
  size = 0;
  private tags = new Float64Array(FIRST_SIZE);
  private orders = new Float64Array(FIRST_SIZE);
  private members = new Int32Array(FIRST_SIZE);

  constructor(private readonly places: Places) {}

  push(member: number, tag: number, order: number): void {
    const { places } = this;
    if (this.size === this.tags.length) this.grow();
    if (member >= places.at.length)
      places.at = copied(places.at, new Int32Array(Math.max(member + 1, places.at.length * 2)).fill(-1));
    this.settle(this.size++, member, tag, order);
  }

  peek(): number {
    return this.size === 0 ? -1 : (this.members[0] as number);
  }

  moved(member: number, tag: number, order: number): void {
    this.settle(this.places.at[member] as number, member, tag, order);
  }

  remove(member: number): void {
    const i = this.places.at[member] ?? -1;
    if (i < 0) return;
    this.places.at[member] = -1;
    const last = --this.size;
    if (i < last) this.settle(i, this.members[last] as number, this.tags[last] as number, this.orders[last] as number);
  }

  private grow(): void {
    const size = this.size * 2;
    this.tags = copied(this.tags, new Float64Array(size));
    this.orders = copied(this.orders, new Float64Array(size));
    this.members = copied(this.members, new Int32Array(size));
  }

  /** Finds the place of a member from `i` on, upwards or downwards, moving others out of its way. */
  private settle(from: number, member: number, tag: number, order: number): void {
    const { tags, orders, members, size } = this;
    const { at } = this.places;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const above = tags[parent] as number;
      if (above < tag || (above === tag && (orders[parent] as number) < order)) break;
      const moved = members[parent] as number;
      tags[i] = above;
      orders[i] = orders[parent] as number;
      members[i] = moved;
      at[moved] = i;
      i = parent;
    }
    if (i === from) {
      for (;;) {
        const first = i * ARITY + 1;
        if (first >= size) break;
        const end = Math.min(first + ARITY, size);
        let best = first;
        let below = tags[first] as number;
        for (let child = first + 1; child < end; child++) {
          const a = tags[child] as number;
          if (a < below || (a === below && (orders[child] as number) < (orders[best] as number))) {
            best = child;
            below = a;
          }
        }
        const order2 = orders[best] as number;
        if (tag < below || (tag === below && order < order2)) break;
        const moved = members[best] as number;
        tags[i] = below;
        orders[i] = order2;
        members[i] = moved;
        at[moved] = i;
        i = best;
      }
    }
    tags[i] = tag;
    orders[i] = order;
    members[i] = member;
    at[member] = i;
  }
}

function copied<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
