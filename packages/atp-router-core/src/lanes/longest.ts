/** Shorter ones are not counted: with many queues most have one member, and there is nothing to choose among them. */
const SHORTEST = 2;

/** Finds the longest of many queues, known by whole numbers. A queue moves by one at a time, so each step is O(1). */
export class Longest {
  private readonly byLength: Set<number>[] = [];
  private top = 0;

  /** The queue's length changed by one. */
  moved(queue: number, before: number, now: number): void {
    const { byLength } = this;
    if (before >= SHORTEST) byLength[before]?.delete(queue);
    if (now >= SHORTEST) {
      (byLength[now] ??= new Set()).add(queue);
      if (now > this.top) this.top = now;
    }
    // A length that nobody has is kept: lengths come and go all the time, and there are no more than a lane may queue.
    while (this.top >= SHORTEST && (byLength[this.top]?.size ?? 0) === 0) this.top--;
  }

  /** A longest queue; undefined while none is longer than one. */
  peek(): number | undefined {
    const set = this.byLength[this.top];
    if (set === undefined) return undefined;
    for (const queue of set) return queue;
    return undefined;
  }
}
