import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { Learned } from "../runtime/index.js";

const labelNames = ["task", "adapter"] as const;

/** How far adapters' confidences are what they say. No series while nothing is learned. */
export function learningMetrics(registry: Registry, learned: () => Learned | undefined): void {
  const registers = [registry];
  new Gauge({
    name: "atp_calibration_labels",
    help: "Confidences of which somebody said whether they came true, by task type and adapter.",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { task, adapter, labels } of learned()?.calibration() ?? []) this.set({ task, adapter }, labels);
    },
  });
  new Gauge({
    name: "atp_challenge_requests",
    help: "Trials of the challenger beside the champion that were judged: all, those that only it got right, those that only the champion did.",
    labelNames: ["champion", "challenger", "result"],
    registers,
    collect() {
      this.reset();
      const challenge = learned()?.challenge();
      if (challenge === undefined) return;
      const { champion, challenger } = challenge.config;
      for (const result of ["tried", "won", "lost"] as const)
        this.set({ champion, challenger, result }, challenge[result]);
    },
  });
  new Gauge({
    name: "atp_challenge_verdict",
    help: "1 when the challenger has taken the champion's place, -1 when it was given up, 0 while it is tried.",
    labelNames: ["champion", "challenger"],
    registers,
    collect() {
      this.reset();
      const challenge = learned()?.challenge();
      if (challenge === undefined) return;
      const { champion, challenger } = challenge.config;
      this.set({ champion, challenger }, { promoted: 1, rejected: -1, running: 0 }[challenge.verdict]);
    },
  });
  new Gauge({
    name: "atp_calibration_error",
    help: "Expected calibration error of an adapter's confidence, 0 to 1: as it was told (raw), and as the router uses it (calibrated).",
    labelNames: [...labelNames, "of"],
    registers,
    collect() {
      this.reset();
      for (const { task, adapter, rawError, error } of learned()?.calibration() ?? []) {
        this.set({ task, adapter, of: "raw" }, rawError);
        this.set({ task, adapter, of: "calibrated" }, error);
      }
    },
  });
}
