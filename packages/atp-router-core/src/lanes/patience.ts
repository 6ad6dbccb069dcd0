import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";

interface Timed<T> {
  readonly until: Ms;
  readonly order: number;
  /** Place in the heap; -1 in the line. */
  place: number;
  /** Neighbours in the line. */
  earlier: T | undefined;
  later: T | undefined;
}

/** Who gives up first. */
export interface Patience<T> {
  add(member: T): void;
  remove(member: T): void;
  peek(): T | undefined;
}

/**
 * Members by the time at which they give up. Where patience is the same for all they give up in the order in which they came, so
 * whoever gives up no sooner than the last one stands in a plain line, at no cost; only the others go into a heap.
 */
export function createPatience<T extends Timed<T>>(): Patience<T> {
  const heap = createHeap<T>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  let first: T | undefined;
  let last: T | undefined;

  return {
    add(member) {
      if (last !== undefined && member.until < last.until) {
        heap.push(member);
        return;
      }
      member.earlier = last;
      if (last === undefined) first = member;
      else last.later = member;
      last = member;
    },
    remove(member) {
      if (member.place >= 0) {
        heap.remove(member);
        return;
      }
      const { earlier, later } = member;
      if (earlier === undefined) first = later;
      else earlier.later = later;
      if (later === undefined) last = earlier;
      else later.earlier = earlier;
      member.earlier = undefined;
      member.later = undefined;
    },
    peek() {
      const hurried = heap.peek();
      return hurried === undefined || (first !== undefined && first.until < hurried.until) ? first : hurried;
    },
  };
}
