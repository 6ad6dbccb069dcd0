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
  /** Index of the newest queued piece of each adapter's slot. */
  readonly #newest = new Map<string, number>();

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(event: RunEvent): void {
    if (this.length >= KEPT_EVENTS && !this.#makeRoom(event)) return;
    if (event.type === "partial") this.#newest.set(slotOf(event), this.#items.length);
    this.#items.push(event);
  }

  shift(): RunEvent | undefined {
    const event = this.#items[this.#head];
    if (event === undefined) return undefined;
    this.#head++;
    // Cut off what was taken now and then, not at each event: amortised constant time.
    if (this.#head > 512 && this.#head * 2 > this.#items.length) this.#compact();
    return event;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#newest.clear();
  }

  /** @returns false when the event was joined to one that waits, so that it needs no place of its own. */
  #makeRoom(event: RunEvent): boolean {
    if (event.type === "partial") {
      const index = this.#newest.get(slotOf(event)) ?? -1;
      const waiting = index >= this.#head ? this.#items[index] : undefined;
      if (waiting?.type !== "partial") return true;
      if (event.attempt < waiting.attempt) return false;
      const earlier = event.attempt === waiting.attempt ? waiting.text : "";
      this.#items[index] = { ...event, text: earlier + event.text };
      return false;
    }
    // The end is never dropped, and neither is text: there are only as many texts waiting as there are slots past the bound.
    const stale = this.#items.findIndex((item, index) => index >= this.#head && item.type !== "partial");
    if (stale >= 0) {
      this.#items.splice(stale, 1);
      this.#reindex();
    }
    return true;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
    this.#reindex();
  }

  #reindex(): void {
    this.#newest.clear();
    this.#items.forEach((item, index) => {
      if (item.type === "partial") this.#newest.set(slotOf(item), index);
    });
  }
}

/** The place of one adapter's answer: its name, and the clone's number past the first. */
export function slotOf(event: Pick<PartialEvent, "adapter" | "sample">): string {
  return event.sample === 0 ? event.adapter : `${event.adapter}#${event.sample}`;
}
