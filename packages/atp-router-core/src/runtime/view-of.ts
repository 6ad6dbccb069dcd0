import type { Clock } from "../ports/index.js";
import type { RouterMachine } from "../router/index.js";
import type { RouterView } from "./router.js";

/** What a router is doing now, with what its machine does not know. */
export function viewOf(
  machine: RouterMachine,
  clock: Clock,
  rest: Pick<RouterView, "streams" | "sockets" | "draining">,
): RouterView {
  const running = new Map<string, number>();
  for (const stream of machine.streams.values()) {
    for (const { phase, call } of stream.legs) {
      if (phase === "running") running.set(call.adapter.id, (running.get(call.adapter.id) ?? 0) + 1);
    }
  }
  return {
    adapters: machine.registry.view().map((a) => ({ ...a, running: running.get(a.info.id) ?? 0 })),
    lanes: { ...machine.lanes.view(clock.now()) },
    ...rest,
  };
}
