import type { Clock } from "../ports/index.js";
import type { Emit } from "./host.js";

const TICK_MS = 250;

/**
 * Tells the router's machine that time passed, and how late it was told: the delay of a timer is the time that the process does not
 * have. Returns the way to stop.
 */
export function startTicker(
  clock: Clock,
  emit: Emit,
  memoryShare: (() => number) | undefined,
  also: (ticks: number) => void,
): () => void {
  let ticks = 0;
  let stop: () => void;
  let due = 0;
  function tick(): void {
    const at = clock.now();
    const lagMs = ticks === 0 ? 0 : Math.max(0, at - due);
    due = at + TICK_MS;
    stop = clock.at(due, tick);
    const memory = memoryShare?.();
    emit({ t: "tick", at, signals: { lagMs, ...(memory === undefined ? {} : { memory }) } });
    also(++ticks);
  }
  stop = () => undefined;
  tick();
  return () => stop();
}
