import { describe, expect, it } from "vitest";
import { pino } from "pino";
import { createMetrics, logObserver, observers } from "../../src/node/index.js";
import type { Observation } from "../../src/ports/index.js";

const ended: Observation = {
  t: "stream.ended",
  key: "s1/st1",
  tenant: "acme",
  qos: "gold",
  strategy: "fanout",
  taskType: "qa",
  outcome: "final",
  telemetry: {
    tokens: 12,
    usd: 15,
    latency_ms: 40,
    ttfp_ms: 30,
    queue_ms: 2,
    adapters: [
      {
        name: "cheap",
        outcome: "ok",
        attempt: 0,
        in_tokens: 10,
        out_tokens: 2,
        usd: 15,
        ttfp_ms: 30,
        latency_ms: 39,
      },
      { name: "deep", outcome: "failed", attempt: 0, in_tokens: 0, out_tokens: 0, usd: 0 },
    ],
  },
};

const seen: readonly Observation[] = [
  ended,
  {
    ...ended,
    outcome: "EBUDGET",
    qos: "bronze",
    strategy: "",
    telemetry: { tokens: 0, usd: 0, latency_ms: 3 },
  },
  { t: "stream.decision", key: "s1/st1", tenant: "acme", record: { plan: "fanout" } },
  { t: "adapter.status", adapter: "cheap", from: "DOWN", to: "READY", reason: "answered" },
  { t: "adapter.status", adapter: "deep", from: "READY", to: "DOWN", reason: "cannot be reached" },
  {
    t: "adapter.failed",
    adapter: "deep",
    key: "s1/st1",
    failure: { kind: "unavailable", message: "provider down", sent: true },
  },
  { t: "adapter.overrun", adapter: "cheap", key: "s1/st1", held: 10, used: 12, dimension: "usdMicros" },
  { t: "policy.denied", key: "s1/st2", tenant: "acme", reasons: ["tool web is not allowed"] },
  { t: "socket.opened", sockets: 2 },
  { t: "socket.closed", sockets: 1, code: 1000 },
  {
    t: "violation",
    error: { code: "EPROTO", message: "not JSON", retry: "never", processed: "no", details: { rule: "A3" } },
    remote: "127.0.0.1",
  },
  { t: "defect", id: "d1", where: "stream", error: new Error("oops") },
];

describe("createMetrics", () => {
  it("counts what a router tells, by names that queries can rely on", async () => {
    const metrics = createMetrics();
    for (const observation of seen) metrics.observer.observe(observation);
    const lines = (await metrics.metrics()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'atp_streams_total{qos="gold",strategy="fanout",outcome="final"} 1',
        'atp_streams_total{qos="bronze",strategy="",outcome="EBUDGET"} 1',
        'atp_stream_seconds_count{qos="gold"} 1',
        'atp_stream_seconds_sum{qos="gold"} 0.04',
        'atp_first_partial_seconds_sum{qos="gold"} 0.03',
        'atp_queue_seconds_sum{qos="gold"} 0.002',
        'atp_adapter_calls_total{adapter="cheap",outcome="ok"} 1',
        'atp_adapter_calls_total{adapter="deep",outcome="failed"} 1',
        'atp_tokens_total{adapter="cheap",direction="in"} 10',
        'atp_tokens_total{adapter="cheap",direction="out"} 2',
        'atp_usd_micros_total{adapter="cheap"} 15',
        'atp_adapter_up{adapter="cheap"} 1',
        'atp_adapter_up{adapter="deep"} 0',
        'atp_adapter_overruns_total{adapter="cheap",dimension="usdMicros"} 1',
        "atp_policy_denials_total 1",
        "atp_sockets 1",
        'atp_violations_total{code="EPROTO"} 1',
        "atp_defects_total 1",
      ]),
    );
    expect(lines.some((line) => line.startsWith("process_resident_memory_bytes "))).toBe(true);
  });

  it("keeps the counts of two routers of one process apart", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.observer.observe(ended);
    expect(await other.metrics()).not.toContain('outcome="final"');
  });
});

function logged(level: string): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = pino({ level, base: null }, { write: (line: string) => void lines.push(line) });
  for (const observation of seen) logObserver(log).observe(observation);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("logObserver", () => {
  it("writes one line for each stream that ended, with its bill", () => {
    const streams = logged("info").filter(({ outcome }) => outcome !== undefined);
    expect(streams).toMatchObject([
      {
        level: 30,
        key: "s1/st1",
        tenant: "acme",
        qos: "gold",
        strategy: "fanout",
        outcome: "final",
        tokens: 12,
        usd: 15,
        latencyMs: 40,
        adapters: ["cheap:ok", "deep:failed"],
      },
      { outcome: "EBUDGET", tokens: 0 },
    ]);
  });

  it.each([
    ["silent", []],
    ["error", ["d1"]],
    // Overrun, failure, an adapter gone, a violation and the defect.
    ["warn", [40, 40, 40, 40, 50]],
  ] as const)("at %s it writes no more than was asked for", (level, expected) => {
    const lines = logged(level);
    expect(lines).toHaveLength(expected.length);
  });

  it("says of a defect what is needed to find it", () => {
    expect(logged("error")).toMatchObject([{ id: "d1", where: "stream", err: { message: "oops" } }]);
  });
});

describe("observers", () => {
  it("tells each of them, in order", () => {
    const heard: string[] = [];
    const all = observers(
      { observe: ({ t }) => void heard.push(`a ${t}`) },
      { observe: ({ t }) => void heard.push(`b ${t}`) },
    );
    all.observe(ended);
    expect(heard).toEqual(["a stream.ended", "b stream.ended"]);
  });
});
