import type { Clock } from "../ports/index.js";
import type { RouterMachine } from "../router/index.js";
import type { AdapterSlots, LanesReport, RouterView } from "./router.js";

/** What a router is doing now, with what its machine does not know. */
export function viewOf(
  machine: RouterMachine,
  clock: Clock,
  held: { bytes(): number },
  rest: Pick<RouterView, "streams" | "sockets" | "draining">,
): RouterView {
  const running = new Map<string, number>();
  for (const stream of machine.streams.values()) {
    for (const { phase, call } of stream.legs) {
      if (phase === "running") running.set(call.adapter.id, (running.get(call.adapter.id) ?? 0) + 1);
    }
  }
  return {
    adapters: machine.registry.view(clock.now()).map((a) => ({ ...a, running: running.get(a.info.id) ?? 0 })),
    lanes: lanesReport(machine, clock),
    bufferedBytes: held.bytes(),
    ...rest,
  };
}

function lanesReport(machine: RouterMachine, clock: Clock): LanesReport {
  const { slots, running, lanes, pools } = machine.lanes.view(clock.now());
  const adapters: Record<string, AdapterSlots> = {};
  for (const { info, status } of machine.registry.view(clock.now())) {
    const pool = pools[info.id] ?? { limit: slots, running: 0, queued: { gold: 0, silver: 0, bronze: 0 } };
    adapters[info.name] = { status, ...pool };
  }
  return { slots, running, admitted_share: machine.overload.admittedShare, lanes, adapters };
}
