import type { PartialEvent, RunEvent } from "./run-events.js";

/** Events kept for a reader that is behind; past it, text of one adapter is joined. */
export const KEPT_EVENTS = 1_024;

/**
 * The events of a run that its reader has not taken. Its size is bounded whatever the reader does: past {@link KEPT_EVENTS}
 * the pieces of one adapter are joined into one event, and the oldest event that carries no text gives way to a newer one.
 */
export class EventQueue {
  #items: RunEvent[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(event: RunEvent): void {
    if (this.length >= KEPT_EVENTS && !this.#makeRoom(event)) return;
    this.#items.push(event);
  }

  shift(): RunEvent | undefined {
    const event = this.#items[this.#head];
    if (event === undefined) return undefined;
    this.#head++;
    // Nothing of what was taken is held once all was; else it is cut off now and then: amortised constant time.
    if (this.#head === this.#items.length) this.#items.length = this.#head = 0;
    else if (this.#head > 512 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** @returns false when the event was joined to one that waits, so that it needs no place of its own. */
  #makeRoom(event: RunEvent): boolean {
    if (event.type === "partial") {
      let index = this.#items.length - 1;
      while (index >= this.#head && !isSlot(this.#items[index], event)) index--;
      if (index < this.#head) return true;
      const waiting = this.#items[index] as PartialEvent;
      if (event.attempt < waiting.attempt) return false;
      const earlier = event.attempt === waiting.attempt ? waiting.text : "";
      this.#items[index] = { ...event, text: earlier + event.text };
      return false;
    }
    // The end is never dropped, and neither is text: there are only as many texts waiting as there are slots past the bound.
    const stale = this.#items.findIndex((item, index) => index >= this.#head && item.type !== "partial");
    if (stale >= 0) this.#items.splice(stale, 1);
    return true;
  }
}

/** The place of one adapter's answer: its name, and the clone's number past the first. */
export function slotOf(event: Pick<PartialEvent, "adapter" | "sample">): string {
  return event.sample === 0 ? event.adapter : `${event.adapter}#${event.sample}`;
}

function isSlot(item: RunEvent | undefined, { adapter, sample }: PartialEvent): boolean {
  return item?.type === "partial" && item.adapter === adapter && item.sample === sample;
}
