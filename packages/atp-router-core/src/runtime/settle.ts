import type { Clock } from "../ports/index.js";

/** Goes on with a value, at once when it is there already: a router that asks nobody answers in the same turn. */
export function settled<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}

/** Does something that may fail, at once or later. */
export function settle(work: () => void | Promise<void>, otherwise: (error: unknown) => void): void {
  try {
    const done = work();
    if (done instanceof Promise) done.catch(otherwise);
  } catch (error) {
    otherwise(error);
  }
}

/** Resolves when it is told, and after a time in any case. */
export function within(clock: Clock, ms: number, tell: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.at(clock.now() + ms, resolve);
    tell(() => {
      stop();
      resolve();
    });
  });
}
