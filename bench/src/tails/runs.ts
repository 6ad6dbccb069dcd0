import type { AdapterScript, ScriptStep } from "atp-router-core/testing";
import { percentile } from "../harness/stats.js";
import { drawOf, lognormal, numberOf, type Played, play } from "./world.js";

const names = ["a", "b", "c"] as const;
const usage = { inTokens: 10, outTokens: 10, usdMicros: 50 };

/** A call's steps: first piece after 200 ms at the middle, nine more 30 ms apart, all of it `slower` times that. */
function answer(draw: () => number, slower: number): readonly ScriptStep[] {
  const first = 200 * lognormal(draw, 0.3) * slower;
  return [
    { afterMs: first, text: "word ", usage },
    ...Array.from({ length: 9 }, () => ({ afterMs: 30 * slower, text: "word ", usage })),
    { afterMs: 1, final: {} },
  ];
}

/** What hedges did to the slow calls of one trace. */
export interface Stragglers {
  /** p99 with hedges over p99 without. */
  readonly p99: number;
  readonly plainMs: number;
  readonly hedgedMs: number;
  readonly extraCalls: number;
  readonly extraSpend: number;
  readonly failed: number;
}

/** What an outage did to one trace. */
export interface Outage {
  readonly success: number;
  /** p95 over the same trace without the outage; a failed request never ends. */
  readonly p95: number;
  /** Calls for a request while the adapters are down. */
  readonly attempts: number;
}

/** G6a: each call is ten times slower with a chance of 5%, in both variants the same ones. */
export async function stragglers(seed: number, requests: number): Promise<Stragglers> {
  const run = (hedged: boolean): Promise<Played> =>
    play({
      seed,
      requests,
      perSecond: 20,
      qos: (request) => (request % 2 === 0 ? "gold" : "silver"),
      config: hedged ? {} : { tails: { hedge: "off" } },
      adapters: () =>
        names.map(
          (id): AdapterScript => ({
            id,
            answer: (call) => {
              const draw = drawOf(seed, id, numberOf(call), call.attempt);
              return answer(draw, draw() < 0.05 ? 10 : 1);
            },
          }),
        ),
    });
  const plain = await run(false);
  const hedged = await run(true);
  const p99 = (played: Played): number =>
    percentile(
      played.outcomes.map((one) => one.ms),
      0.99,
    );
  return {
    p99: p99(hedged) / p99(plain),
    plainMs: p99(plain),
    hedgedMs: p99(hedged),
    extraCalls: hedged.calls / plain.calls - 1,
    extraSpend: hedged.usdMicros / plain.usdMicros - 1,
    failed: [...plain.outcomes, ...hedged.outcomes].filter((one) => !one.ok).length,
  };
}

/** G6b, G6c: the adapters named refuse every call from 20 s on, but still answer estimates and health checks. */
export async function outage(seed: number, requests: number, down: readonly string[]): Promise<Outage> {
  const downAt = 20_000;
  let attempts = 0;
  const run = (lost: readonly string[]): Promise<Played> =>
    play({
      seed,
      requests,
      perSecond: 20,
      qos: (request) => (["gold", "silver", "bronze"] as const)[request % 3] ?? "gold",
      config: {},
      adapters: (now) =>
        names.map(
          (id): AdapterScript => ({
            id,
            answer: (call) => {
              if (lost.length > 0 && now() >= downAt) attempts++;
              return lost.includes(id) && now() >= downAt
                ? [{ afterMs: 5, fail: { kind: "unavailable", message: "down" } }]
                : answer(drawOf(seed, id, numberOf(call), call.attempt), 1);
            },
          }),
        ),
    });
  const healthy = await run([]);
  const broken = await run(down);
  const after = (played: Played, from: number) => played.outcomes.filter((one) => one.at >= from);
  const p95 = (played: Played): number =>
    percentile(
      after(played, downAt + 2_000).map((one) => (one.ok ? one.ms : Infinity)),
      0.95,
    );
  const during = after(broken, downAt);
  return {
    success: during.filter((one) => one.ok).length / during.length,
    p95: p95(broken) / p95(healthy),
    attempts: attempts / during.length,
  };
}
