import type { PlanContent } from "atp-client";

/** A plan of calls by rung; each adapter quotes 10 tokens in, 90 out and 1,000 micro-dollars, and twice that is held. */
export function planOf(...rungs: readonly (readonly string[])[]): PlanContent {
  const adapters = [...new Set(rungs.flat().map((slot) => slot.split("#")[0] ?? ""))];
  return {
    strategy: "fanout",
    qos: "gold",
    candidates: adapters.map((adapter) => ({
      adapter,
      status: "READY",
      estimate: { in_tokens: 10, out_tokens: 90, usd_micros: 1_000, confidence: 0.5 },
    })),
    rungs: rungs.map((rung) =>
      rung.map((slot) => {
        const [adapter = "", sample = "0"] = slot.split("#");
        return {
          adapter,
          sample: Number(sample),
          hold: { tokens: 200, usd_micros: 2_000 },
          max_output_tokens: 190,
        };
      }),
    ),
    worst: { tokens: 400, usd_micros: 4_000 },
    why: [],
    excluded: [],
  };
}
