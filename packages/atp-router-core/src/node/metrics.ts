import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Observation, Observer } from "../ports/index.js";
import type { Router } from "../runtime/index.js";
import { budgetMetrics } from "./budget-metrics.js";
import type { MetricsSource } from "./http-api.js";
import { laneMetrics } from "./lane-metrics.js";
import { learningMetrics } from "./learning-metrics.js";

/** Seconds; from a local answer to a slow model's. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What is read of a router whenever metrics are. */
type Followed = Pick<Router, "view"> & Partial<Pick<Router, "budgets" | "learning">>;

/** Of cost to estimate: 1 is a quote that was right. */
const RATIOS = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 4, 10];

/** Prometheus metrics of a router: an observer that counts, and the text that `GET /metrics` answers. */
export interface RouterMetrics extends MetricsSource {
  readonly observer: Observer;
  /** Adds what this router is now to each answer: streams, adapters and budgets. Without it an adapter is known from its first change on. */
  follow(router: Followed): void;
}

/** Whether an adapter of this status can be asked. */
const upStatus: ReadonlySet<string> = new Set(["READY", "BUSY"]);

/** Counts what a router tells. Everything is counted when a stream ends, nothing per chunk. */
export function createMetrics(): RouterMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const streams = new Counter({
    name: "atp_streams_total",
    help: "Streams that ended.",
    labelNames: ["qos", "strategy", "outcome"],
    registers,
  });
  const seconds = (name: string, help: string): Histogram<"qos"> =>
    new Histogram({ name, help, labelNames: ["qos"], buckets: SECONDS, registers });
  const latency = seconds("atp_stream_seconds", "From the SYN to the end.");
  const ttfp = seconds("atp_first_partial_seconds", "From the SYN to the first partial.");
  const queue = seconds("atp_queue_seconds", "Time in the lane's queue.");
  const calls = new Counter({
    name: "atp_adapter_calls_total",
    help: "Calls by adapter and outcome.",
    labelNames: ["adapter", "outcome"],
    registers,
  });
  const tokens = new Counter({
    name: "atp_tokens_total",
    help: "Tokens by adapter and direction.",
    labelNames: ["adapter", "direction"],
    registers,
  });
  const usd = new Counter({
    name: "atp_usd_micros_total",
    help: "Micro-dollars by adapter.",
    labelNames: ["adapter"],
    registers,
  });
  let followed: Followed | undefined;
  const up = new Gauge({
    name: "atp_adapter_up",
    help: "1 while the adapter can be asked.",
    labelNames: ["adapter"],
    registers,
    collect() {
      if (followed === undefined) return;
      this.reset();
      for (const { info, status } of followed.view().adapters)
        this.set({ adapter: info.name }, upStatus.has(status) ? 1 : 0);
    },
  });
  new Gauge({
    name: "atp_adapter_running",
    help: "Calls that run at the adapter.",
    labelNames: ["adapter"],
    registers,
    collect() {
      this.reset();
      for (const { info, running } of followed?.view().adapters ?? []) this.set({ adapter: info.name }, running);
    },
  });
  new Gauge({
    name: "atp_adapter_rating",
    help: "How far the adapter's word for its answers counts: 1, and less after calls that billed above their holds.",
    labelNames: ["adapter"],
    registers,
    collect() {
      this.reset();
      for (const { info, rating } of followed?.view().adapters ?? []) this.set({ adapter: info.name }, rating);
    },
  });
  new Gauge({
    name: "atp_streams_open",
    help: "Streams that have not ended.",
    registers,
    collect() {
      if (followed !== undefined) this.set(followed.view().streams);
    },
  });
  new Gauge({
    name: "atp_buffered_bytes",
    help: "What sessions hold for their readers: unsent, unacknowledged, kept for a resume.",
    registers,
    collect() {
      if (followed !== undefined) this.set(followed.view().bufferedBytes);
    },
  });
  learningMetrics(registry, () => followed?.learning);
  laneMetrics(registry, () => followed?.view().lanes);
  const accuracy = new Histogram({
    name: "atp_cost_to_estimate_ratio",
    help: "What streams cost as a multiple of what was expected.",
    labelNames: ["strategy"],
    buckets: RATIOS,
    registers,
  });
  const overruns = new Counter({
    name: "atp_adapter_overruns_total",
    help: "Calls that billed more than was held.",
    labelNames: ["adapter", "dimension"],
    registers,
  });
  const denials = new Counter({ name: "atp_policy_denials_total", help: "Requests that policy denied.", registers });
  const sockets = new Gauge({ name: "atp_sockets", help: "Open WebSocket connections.", registers });
  const violations = new Counter({
    name: "atp_violations_total",
    help: "Frames that were refused.",
    labelNames: ["code"],
    registers,
  });
  const defects = new Counter({
    name: "atp_defects_total",
    help: "Defects of the router, each in the log with an id.",
    registers,
  });

  const memoryWrites = new Counter({
    name: "atp_memory_writes_total",
    help: "Answers written into shared memory after their FINAL, or not.",
    labelNames: ["outcome"],
    registers,
  });
  // A series that is there from the start: the first failure is an increase, and an alert on it has data before.
  for (const outcome of ["ok", "failed"]) memoryWrites.inc({ outcome }, 0);

  function observe(o: Observation): void {
    switch (o.t) {
      case "stream.ended": {
        const { qos, strategy, outcome, telemetry: t } = o;
        streams.inc({ qos, strategy, outcome });
        latency.observe({ qos }, t.latency_ms / 1000);
        if (t.ttfp_ms !== undefined) ttfp.observe({ qos }, t.ttfp_ms / 1000);
        if (t.queue_ms !== undefined) queue.observe({ qos }, t.queue_ms / 1000);
        if (t.usd > 0 && (t.estimate?.usd ?? 0) > 0) accuracy.observe({ strategy }, t.usd / (t.estimate?.usd ?? 1));
        for (const a of t.adapters ?? []) {
          calls.inc({ adapter: a.name, outcome: a.outcome });
          if (a.in_tokens > 0) tokens.inc({ adapter: a.name, direction: "in" }, a.in_tokens);
          if (a.out_tokens > 0) tokens.inc({ adapter: a.name, direction: "out" }, a.out_tokens);
          if (a.usd > 0) usd.inc({ adapter: a.name }, a.usd);
        }
        return;
      }
      case "adapter.status":
        if (followed === undefined) up.set({ adapter: o.adapter }, upStatus.has(o.to) ? 1 : 0);
        return;
      case "memory.written":
        memoryWrites.inc({ outcome: o.problem === undefined ? "ok" : "failed" });
        return;
      case "adapter.overrun":
        overruns.inc({ adapter: o.adapter, dimension: o.dimension });
        return;
      case "policy.denied":
        denials.inc();
        return;
      case "socket.opened":
      case "socket.closed":
        sockets.set(o.sockets);
        return;
      case "violation":
        violations.inc({ code: o.error.code });
        return;
      case "defect":
        defects.inc();
        return;
      case "adapter.failed":
      case "replay.failed":
      case "session.adopted":
      case "stream.decision":
      case "stream.judged":
        return;
    }
  }

  return {
    observer: { observe },
    contentType: registry.contentType,
    async metrics(principal) {
      const text = await registry.metrics();
      // A store that is away hides its budgets, and nothing else.
      const budgets = await followed?.budgets?.(principal).then(budgetMetrics, () => undefined);
      return budgets === undefined ? text : `${text}${budgets}`;
    },
    follow(router) {
      followed = router;
    },
  };
}
