const NONE = -1;
const FIRST_SIZE = 16;

/** Shorter ones are not counted: with many queues most have one member, and there is nothing to choose among them. */
const SHORTEST = 2;

/** Neighbours of queues that are equally long, by their numbers. Queues that are never counted twice may share them. */
export interface Links {
  before: Int32Array;
  after: Int32Array;
}

/** Links of no queues. */
export function createLinks(): Links {
  return { before: new Int32Array(FIRST_SIZE), after: new Int32Array(FIRST_SIZE) };
}

/**
 * Finds the longest of many queues, known by whole numbers. A queue moves by one at a time, so each step is O(1): queues of one length are
 * linked to each other in flat arrays.
 */
export class Longest {
  /** By length: a queue that is as long; -1 while none is. */
  private readonly first: number[] = [];
  private top = 0;

  constructor(private readonly links: Links) {}

  /** The queue's length changed by one. */
  moved(queue: number, before: number, now: number): void {
    if (before >= SHORTEST) this.unlink(queue, before);
    if (now >= SHORTEST) {
      this.link(queue, now);
      if (now > this.top) this.top = now;
    }
    while (this.top >= SHORTEST && this.first[this.top] === NONE) this.top--;
  }

  /** A longest queue; undefined while none is longer than one. */
  peek(): number | undefined {
    return this.top < SHORTEST ? undefined : this.first[this.top];
  }

  private link(queue: number, length: number): void {
    const { links, first } = this;
    if (queue >= links.before.length) grow(links, queue);
    while (first.length <= length) first.push(NONE);
    const next = first[length] as number;
    links.before[queue] = NONE;
    links.after[queue] = next;
    if (next !== NONE) links.before[next] = queue;
    first[length] = queue;
  }

  private unlink(queue: number, length: number): void {
    const { before: befores, after: afters } = this.links;
    const before = befores[queue] as number;
    const after = afters[queue] as number;
    if (before === NONE) this.first[length] = after;
    else afters[before] = after;
    if (after !== NONE) befores[after] = before;
  }
}

function grow(links: Links, queue: number): void {
  const size = Math.max(queue + 1, links.before.length * 2);
  const { before, after } = links;
  links.before = new Int32Array(size);
  links.before.set(before);
  links.after = new Int32Array(size);
  links.after.set(after);
}
