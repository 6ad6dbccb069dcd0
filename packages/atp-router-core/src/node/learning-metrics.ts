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
