import type { RouterEffect, RouterEvent, RouterMachine } from "../router/index.js";
import type { Clock, Observer, Rng } from "../ports/index.js";
import type { Emit } from "./host.js";

/**
 * One event at a time: what an effect causes waits until its own turn is over, so that the machine is never entered twice.
 * A throw is a defect: it is told with an id, and ends only the stream it happened on.
 */
export function createEventLoop(
  machine: RouterMachine,
  perform: (effect: RouterEffect) => void,
  tools: { readonly clock: Clock; readonly rng: Rng; readonly observer: Observer | undefined },
): Emit {
  const queue: RouterEvent[] = [];
  let stepping = false;

  function turn(event: RouterEvent): void {
    try {
      for (const effect of machine.step(event)) perform(effect);
    } catch (error) {
      const id = tools.rng.hex(8);
      tools.observer?.observe({ t: "defect", id, where: event.t, error });
      if ("key" in event && event.t !== "defect")
        queue.push({ t: "defect", at: tools.clock.now(), key: event.key, id });
    }
  }

  return (event) => {
    queue.push(event);
    if (stepping) return;
    stepping = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) turn(next);
    } finally {
      stepping = false;
    }
  };
}
