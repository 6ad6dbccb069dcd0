import type { Telemetry } from "atp-protocol";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { logObserver, observers } from "../../src/node/log.js";
import { createMetrics } from "../../src/node/metrics.js";
import type { Observation } from "../../src/ports/index.js";

const telemetry: Telemetry = {
  tokens: 37,
  usd: 90,
  latency_ms: 1_200,
  in_tokens: 12,
  out_tokens: 25,
  ttfp_ms: 80,
  queue_ms: 4,
  strategy: "fanout",
  adapters: [
    { name: "cheap", outcome: "ok", attempt: 0, in_tokens: 5, out_tokens: 10, usd: 30 },
    {
      name: "dear",
      outcome: "failed",
      attempt: 0,
      in_tokens: 7,
      out_tokens: 15,
      usd: 60,
      error: { code: "unavailable", message: "gone" },
    },
  ],
};

const ended = (more: Partial<Extract<Observation, { t: "stream.ended" }>> = {}): Observation => ({
  t: "stream.ended",
  key: "k/st1",
  tenant: "acme",
  qos: "gold",
  strategy: "fanout",
  taskType: "qa",
  outcome: "final",
  telemetry,
  ...more,
});

const violation: Observation = {
  t: "violation",
  remote: "10.0.0.9",
  error: { code: "EPROTO", message: "no v", retry: "never", processed: "no" },
};

/** One of each that a router tells. */
const all: readonly Observation[] = [
  ended(),
  ended({ outcome: "EBUDGET", qos: "bronze", telemetry: { tokens: 0, usd: 0, latency_ms: 3, adapters: [] } }),
  { t: "stream.decision", key: "k/st1", tenant: "acme", record: { why: ["cheap first"] } },
  { t: "adapter.status", adapter: "cheap", from: "DOWN", to: "READY", reason: "it is well" },
  { t: "adapter.status", adapter: "dear", from: "READY", to: "DOWN", reason: "cannot be reached" },
  { t: "adapter.failed", adapter: "dear", key: "k/st1", failure: { kind: "unavailable", message: "gone", sent: true } },
  { t: "adapter.overrun", adapter: "dear", key: "k/st1", held: 10, used: 15, dimension: "tokens" },
  { t: "policy.denied", key: "k/st2", tenant: "acme", reasons: ["tool shell is not allowed"] },
  { t: "socket.opened", sockets: 2 },
  { t: "socket.closed", sockets: 1, code: 1000 },
  violation,
  { t: "defect", id: "d-1", where: "leg.chunk", error: new Error("broken") },
];

function logged(level: string, observations: readonly Observation[]): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level, base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line) as never) },
  );
  const observer = logObserver(log);
  for (const observation of observations) observer.observe(observation);
  return lines;
}

describe("metrics", () => {
  it("count streams, calls, tokens, money, adapters, sockets and refusals, each under its labels", async () => {
    const metrics = createMetrics();
    for (const observation of all) metrics.observer.observe(observation);
    metrics.observer.observe(ended());
    const text = await metrics.metrics();
    expect(metrics.contentType).toMatch(/^text\/plain/);
    const samples = text.split("\n").filter((line) => line.startsWith("atp_") && !line.includes("_bucket"));
    expect(samples).toEqual(
      expect.arrayContaining([
        'atp_streams_total{qos="gold",strategy="fanout",outcome="final"} 2',
        'atp_streams_total{qos="bronze",strategy="fanout",outcome="EBUDGET"} 1',
        'atp_stream_seconds_sum{qos="gold"} 2.4',
        'atp_stream_seconds_count{qos="gold"} 2',
        'atp_first_partial_seconds_sum{qos="gold"} 0.16',
        'atp_queue_seconds_count{qos="gold"} 2',
        'atp_adapter_calls_total{adapter="cheap",outcome="ok"} 2',
        'atp_adapter_calls_total{adapter="dear",outcome="failed"} 2',
        'atp_tokens_total{adapter="cheap",direction="in"} 10',
        'atp_tokens_total{adapter="dear",direction="out"} 30',
        'atp_usd_micros_total{adapter="dear"} 120',
        'atp_adapter_up{adapter="cheap"} 1',
        'atp_adapter_up{adapter="dear"} 0',
        'atp_adapter_overruns_total{adapter="dear",dimension="tokens"} 1',
        "atp_policy_denials_total 1",
        "atp_sockets 1",
        'atp_violations_total{code="EPROTO"} 1',
        "atp_defects_total 1",
      ]),
    );
    expect(text).toContain("\nprocess_resident_memory_bytes ");
    expect(samples.join("\n")).not.toContain('atp_first_partial_seconds_count{qos="bronze"}');
  });

  it("show the router as it is at each answer, adapters that never changed too", async () => {
    const metrics = createMetrics();
    const adapter = (name: string, status: "READY" | "DOWN", running: number) => ({
      info: { id: name, name, tags: [] },
      status,
      running,
      rating: 1,
      breaker: { state: "closed" as const, share: 1 },
    });
    let adapters = [adapter("a", "READY", 2), adapter("b", "DOWN", 0)];
    const lane = {
      weight: 8,
      reserved: 1,
      queued: 4,
      running: 2,
      granted: 7,
      shed: 5,
      shed_by: { wait: 3, cut: 2 },
      preempted: 1,
      oldest_wait_ms: 1_500,
      expected_wait_ms: 2_000,
    };
    const slots = { limit: 12, running: 2, queued: { gold: 1, silver: 2, bronze: 3 }, status: "READY" as const };
    const lanes = {
      slots: 8,
      running: 2,
      admitted_share: 0.9,
      lanes: { gold: lane, silver: lane, bronze: lane },
      adapters: { a: slots } as Record<string, typeof slots>,
    };
    metrics.follow({ view: () => ({ adapters, lanes, streams: 3, sockets: 1, bufferedBytes: 5, draining: false }) });
    const first = await metrics.metrics();
    for (const sample of [
      'atp_adapter_up{adapter="a"} 1',
      'atp_adapter_up{adapter="b"} 0',
      'atp_adapter_running{adapter="a"} 2',
      'atp_lane_queued{lane="gold"} 4',
      'atp_lane_granted_total{lane="silver"} 7',
      'atp_lane_shed_total{lane="bronze",reason="wait"} 3',
      'atp_lane_shed_total{lane="bronze",reason="cut"} 2',
      'atp_lane_preempted_total{lane="bronze"} 1',
      'atp_lane_oldest_wait_seconds{lane="gold"} 1.5',
      'atp_lane_expected_wait_seconds{lane="gold"} 2',
      'atp_adapter_limit{adapter="a"} 12',
      'atp_adapter_queued{adapter="a",lane="bronze"} 3',
      'atp_adapter_state{adapter="a",state="READY"} 1',
      "atp_admitted_share 0.9",
      "atp_streams_open 3",
      "atp_buffered_bytes 5",
    ])
      expect(first).toContain(sample);
    lanes.adapters = {};
    adapters = [adapter("b", "READY", 1)];
    const next = await metrics.metrics();
    expect(next).toContain('atp_adapter_up{adapter="b"} 1');
    expect(next).not.toContain('adapter="a"');
  });

  it("of two routers in one process are apart", async () => {
    const one = createMetrics();
    const other = createMetrics();
    one.observer.observe(ended());
    expect(await other.metrics()).not.toContain('atp_streams_total{qos="gold"');
  });

  it("carry no label that a client can make up", async () => {
    const metrics = createMetrics();
    for (const observation of all) metrics.observer.observe(observation);
    const text = await metrics.metrics();
    for (const free of ["acme", "k/st1", "10.0.0.9", "qa"]) expect(text).not.toContain(free);
  });
});

describe("the log", () => {
  it("has one line for each ended stream at info, with its bill", () => {
    expect(logged("info", [ended()])).toEqual([
      {
        level: 30,
        key: "k/st1",
        tenant: "acme",
        qos: "gold",
        strategy: "fanout",
        taskType: "qa",
        outcome: "final",
        tokens: 37,
        usd: 90,
        latencyMs: 1_200,
        ttfpMs: 80,
        queueMs: 4,
        adapters: ["cheap:ok", "dear:failed"],
        msg: "stream ended",
      },
    ]);
    expect(logged("warn", [ended()])).toEqual([]);
  });

  it("warns of what goes wrong, tells defects as errors, and keeps the rest for debug", () => {
    const at = (level: string): unknown[] => logged(level, all).map(({ msg }) => msg);
    expect(at("error")).toEqual(["defect"]);
    expect(at("warn")).toEqual([
      "adapter status",
      "adapter call failed",
      "adapter billed above its hold",
      "frame refused",
      "defect",
    ]);
    expect(at("debug")).toHaveLength(all.length);
    expect(at("silent")).toEqual([]);
  });

  it("names a defect by the id that the client was told, with its stack", () => {
    const [line] = logged("error", all);
    expect(line).toMatchObject({ id: "d-1", where: "leg.chunk", err: { message: "broken" } });
    expect((line?.["err"] as { stack: string }).stack).toContain("observers.test.ts");
  });
});

describe("observers", () => {
  it("all hear everything, in order", () => {
    const heard: string[] = [];
    const both = observers(
      { observe: (o) => void heard.push(`a ${o.t}`) },
      { observe: (o) => void heard.push(`b ${o.t}`) },
    );
    both.observe(violation);
    both.observe({ t: "socket.opened", sockets: 1 });
    expect(heard).toEqual(["a violation", "b violation", "a socket.opened", "b socket.opened"]);
  });
});
