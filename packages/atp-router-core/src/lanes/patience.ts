import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";

interface Timed {
  readonly until: Ms;
  readonly order: number;
  /** Place in the heap; -1 in the line. */
  place: number;
  /** Whether it still waits. */
  readonly waits: boolean;
}

/** Who gives up first. */
export interface Patience<T> {
  add(member: T): void;
  /** The member does not wait any more: its `waits` says so already. */
  remove(member: T): void;
  peek(): T | undefined;
}

/** So many that left may stay in the line, and as many as still wait. */
const MOST_LEFT = 1_024;

/**
 * Members by the time at which they give up. Where patience is the same for all they give up in the order in which they came, so
 * whoever gives up no sooner than the last one stands in a plain line, at no cost; only the others go into a heap. Who leaves
 * the line is stepped over when it comes to the front, so that no neighbour is touched.
 */
export function createPatience<T extends Timed>(): Patience<T> {
  const heap = createHeap<T>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  let line: T[] = [];
  let head = 0;
  let lastUntil: Ms = -Infinity;
  let left = 0;

  function first(): T | undefined {
    for (let member = line[head]; member !== undefined; member = line[++head]) {
      if (member.waits) return member;
      left--;
    }
    line = [];
    head = 0;
    lastUntil = -Infinity;
    return undefined;
  }

  return {
    add(member) {
      if (member.until < lastUntil) {
        heap.push(member);
        return;
      }
      lastUntil = member.until;
      line.push(member);
    },
    remove(member) {
      if (member.place >= 0) {
        heap.remove(member);
        return;
      }
      left++;
      if (left + head <= MOST_LEFT + line.length / 2) return;
      line = line.filter(({ waits }, i) => waits && i >= head);
      head = 0;
      left = 0;
    },
    peek() {
      const hurried = heap.peek();
      const next = first();
      return hurried === undefined || (next !== undefined && next.until < hurried.until) ? next : hurried;
    },
  };
}
