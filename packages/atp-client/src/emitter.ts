/** Listeners by the name of what they hear; each takes one value. */
type Listeners<Events> = { readonly [Name in keyof Events]: (event: never) => void };

/** A listener's value. */
export type EventOf<Events, Name extends keyof Events> = Events[Name] extends (event: infer E) => void ? E : never;

interface Entry {
  readonly fn: (event: never) => void;
  readonly once: boolean;
}

/** Tells listeners of events. A listener that throws is the program's to see and not the connection's to suffer. */
export class Emitter<Events extends Listeners<Events>> {
  readonly #entries = new Map<keyof Events, readonly Entry[]>();

  /** Whether anybody listens. */
  has(name: keyof Events): boolean {
    return this.#entries.has(name);
  }

  add<Name extends keyof Events>(name: Name, fn: Events[Name], once = false): void {
    this.#entries.set(name, [...(this.#entries.get(name) ?? []), { fn, once }]);
  }

  remove<Name extends keyof Events>(name: Name, fn: Events[Name]): void {
    const left = (this.#entries.get(name) ?? []).filter((entry) => entry.fn !== fn);
    if (left.length > 0) this.#entries.set(name, left);
    else this.#entries.delete(name);
  }

  emit<Name extends keyof Events>(name: Name, event: EventOf<Events, Name>): void {
    for (const { fn, once } of this.#entries.get(name) ?? []) {
      if (once) this.remove(name, fn as Events[Name]);
      try {
        fn(event as never);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
