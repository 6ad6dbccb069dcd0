import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";

interface Timed {
  readonly until: Ms;
  readonly order: number;
  /** Place in the heap; -1 in the line. */
  place: number;
  gone: boolean;
}

/** Who gives up first. */
export interface Patience<T extends Timed> {
  add(member: T): void;
  /** After its `gone` was set. */
  remove(member: T): void;
  peek(): T | undefined;
}

/** A line this long whose members are mostly gone is cleaned. */
const CLEAN_FROM = 64;

/**
 * Members by the time at which they give up. Where patience is the same for all they give up in the order in which they came, so
 * whoever gives up no sooner than the last one stands in a plain line, at no cost; only the others go into a heap.
 */
export function createPatience<T extends Timed>(): Patience<T> {
  const heap = createHeap<T>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  let line: T[] = [];
  let head = 0;
  let live = 0;

  function firstOfLine(): T | undefined {
    while (line[head]?.gone === true) head++;
    return line[head];
  }

  return {
    add(member) {
      const last = line[line.length - 1];
      if (last !== undefined && live > 0 && member.until < last.until) {
        heap.push(member);
        return;
      }
      line.push(member);
      live++;
    },
    remove(member) {
      if (member.place >= 0) {
        heap.remove(member);
        return;
      }
      live--;
      if (line.length <= CLEAN_FROM || line.length <= live * 2) return;
      line = line.filter(({ gone }) => !gone);
      head = 0;
    },
    peek() {
      const a = heap.peek();
      const b = firstOfLine();
      return a === undefined || (b !== undefined && b.until < a.until) ? b : a;
    },
  };
}
