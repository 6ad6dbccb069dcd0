import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";

interface Timed {
  readonly until: Ms;
  readonly order: number;
  /** Its place: in the heap from 0 up, in the line from `IN_LINE` down; -1 in neither. */
  place: number;
}

/** Who gives up first. */
export interface Patience<T> {
  add(member: T): void;
  /** The member does not wait any more. */
  remove(member: T): void;
  peek(): T | undefined;
}

const NOWHERE = -1;
/** The place of the first one in the line; the next ones are below. */
const IN_LINE = -2;
/** So many places of the line may be empty, and three times as many as are taken. */
const MOST_EMPTY = 1_024;

/**
 * Members by the time at which they give up. Where patience is the same for all they give up in the order in which they came, so
 * whoever gives up no sooner than the last one stands in a plain line, at no cost; only the others go into a heap. Who leaves
 * the line leaves its place empty, so that neither its neighbours nor what has long left are touched.
 */
export function createPatience<T extends Timed>(): Patience<T> {
  const heap = createHeap<T>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  let line: (T | undefined)[] = [];
  let head = 0;
  let taken = 0;
  let last: T | undefined;

  function closeUp(): void {
    const closed: T[] = [];
    for (let i = head; i < line.length; i++) {
      const member = line[i];
      if (member === undefined) continue;
      member.place = IN_LINE - closed.length;
      closed.push(member);
    }
    line = closed;
    head = 0;
  }

  return {
    add(member) {
      if (last !== undefined && member.until < last.until) {
        heap.push(member);
        return;
      }
      last = member;
      member.place = IN_LINE - line.length;
      line.push(member);
      taken++;
    },
    remove(member) {
      const { place } = member;
      if (place >= 0) {
        heap.remove(member);
        return;
      }
      if (place === NOWHERE) return;
      member.place = NOWHERE;
      line[IN_LINE - place] = undefined;
      taken--;
      if (taken === 0) {
        line = [];
        head = 0;
        last = undefined;
      } else if (line.length > MOST_EMPTY + 4 * taken) closeUp();
    },
    peek() {
      while (head < line.length && line[head] === undefined) head++;
      const next = line[head];
      const hurried = heap.peek();
      return hurried === undefined || (next !== undefined && next.until < hurried.until) ? next : hurried;
    },
  };
}
