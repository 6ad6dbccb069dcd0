import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { LanesReport } from "../runtime/index.js";

/** Gauges and counters of lanes and of adapters' slots, read at each answer. @param report undefined while no router is followed */
export function laneMetrics(registry: Registry, report: () => LanesReport | undefined): void {
  const registers = [registry];
  type Lane = LanesReport["lanes"]["gold"];
  const byLane = (name: string, help: string, value: (lane: Lane) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ["lane"],
      registers,
      collect() {
        this.reset();
        for (const [lane, state] of Object.entries(report()?.lanes ?? {})) this.set({ lane }, value(state));
      },
    });
  };
  byLane("atp_lane_queued", "Calls that wait in a lane.", (lane) => lane.queued);
  byLane("atp_lane_running", "Calls of a lane that run.", (lane) => lane.running);
  byLane("atp_lane_weight", "A lane's share while all wait.", (lane) => lane.weight);
  byLane("atp_lane_oldest_wait_seconds", "How long the oldest call of a lane has waited.", (lane) =>
    seconds(lane.oldest_wait_ms),
  );
  byLane("atp_lane_expected_wait_seconds", "How long a call that came now would wait.", (lane) =>
    seconds(lane.expected_wait_ms),
  );
  const counted = (name: string, help: string, value: (lane: Lane) => number): void => {
    new Counter({
      name,
      help,
      labelNames: ["lane"],
      registers,
      collect() {
        this.reset();
        for (const [lane, state] of Object.entries(report()?.lanes ?? {})) this.inc({ lane }, value(state));
      },
    });
  };
  counted("atp_lane_granted_total", "Calls of a lane that got a slot.", (lane) => lane.granted);
  counted("atp_lane_preempted_total", "Running calls of a lane that were cut for gold.", (lane) => lane.preempted);
  new Counter({
    name: "atp_lane_shed_total",
    help: "Requests of a lane that were refused or given up, by reason.",
    labelNames: ["lane", "reason"],
    registers,
    collect() {
      this.reset();
      for (const [lane, state] of Object.entries(report()?.lanes ?? {}))
        for (const [reason, n] of Object.entries(state.shed_by)) this.inc({ lane, reason }, n ?? 0);
    },
  });
  new Gauge({
    name: "atp_admitted_share",
    help: "How much of what comes is let in while the router is short of time or memory.",
    registers,
    collect() {
      const now = report();
      if (now !== undefined) this.set(now.admitted_share);
    },
  });
  new Gauge({
    name: "atp_adapter_limit",
    help: "Calls that may run at an adapter at once.",
    labelNames: ["adapter"],
    registers,
    collect() {
      this.reset();
      for (const [adapter, { limit }] of Object.entries(report()?.adapters ?? {})) this.set({ adapter }, limit);
    },
  });
  new Gauge({
    name: "atp_adapter_queued",
    help: "Calls that wait for an adapter, by lane.",
    labelNames: ["adapter", "lane"],
    registers,
    collect() {
      this.reset();
      for (const [adapter, { queued }] of Object.entries(report()?.adapters ?? {}))
        for (const [lane, n] of Object.entries(queued)) this.set({ adapter, lane }, n);
    },
  });
  new Gauge({
    name: "atp_adapter_state",
    help: "1 for the state that an adapter is in; DOWN while its breaker is open.",
    labelNames: ["adapter", "state"],
    registers,
    collect() {
      this.reset();
      for (const [adapter, { status: state }] of Object.entries(report()?.adapters ?? {}))
        this.set({ adapter, state }, 1);
    },
  });
}

function seconds(ms: number): number {
  return ms / 1000;
}
