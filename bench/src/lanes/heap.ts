/** A heap of values by a number, equal ones in the order in which they came. */
export class TimeHeap<T> {
  readonly #items: { readonly at: number; readonly order: number; readonly value: T }[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  peekAt(): number {
    return this.#items[0]?.at ?? Infinity;
  }

  peek(): T | undefined {
    return this.#items[0]?.value;
  }

  push(at: number, value: T): void {
    const items = this.#items;
    const item = { at, order: this.#order++, value };
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = items[parent];
      if (above === undefined || above.at < at || (above.at === at && above.order < item.order)) break;
      items[i] = above;
      i = parent;
    }
    items[i] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top?.value;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = items[child];
      if (left === undefined) break;
      const right = items[child + 1];
      let below = left;
      if (right !== undefined && (right.at < left.at || (right.at === left.at && right.order < left.order))) {
        child++;
        below = right;
      }
      if (last.at < below.at || (last.at === below.at && last.order < below.order)) break;
      items[i] = below;
      i = child;
    }
    items[i] = last;
    return top.value;
  }
}
