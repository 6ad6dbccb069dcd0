/** Finds the longest of many queues. A queue moves by one at a time, so each step is O(1). */
export interface Longest<T extends { readonly live: number }> {
  /** The member's length changed from `before` to what it is now, by one. */
  moved(member: T, before: number): void;
  /** A longest queue; undefined while none is longer than one. */
  peek(): T | undefined;
}

/** Shorter ones are not counted: with many queues most have one member, and there is nothing to choose among them. */
const SHORTEST = 2;

/** Queues by their length. */
export function createLongest<T extends { readonly live: number }>(): Longest<T> {
  const byLength: Set<T>[] = [];
  let top = 0;

  return {
    moved(member, before) {
      if (before >= SHORTEST) byLength[before]?.delete(member);
      if (member.live >= SHORTEST) {
        (byLength[member.live] ??= new Set()).add(member);
        if (member.live > top) top = member.live;
      }
      // A length that nobody has is kept: lengths come and go all the time, and there are no more than a lane may queue.
      while (top >= SHORTEST && (byLength[top]?.size ?? 0) === 0) top--;
    },
    peek() {
      const set = byLength[top];
      if (set === undefined) return undefined;
      for (const member of set) return member;
      return undefined;
    },
  };
}
