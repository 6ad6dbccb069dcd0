import type { Frame } from "atp-protocol";
import { createSimulation, readerOf, syn } from "atp-router-core/testing";
import type { AdapterScript, ScriptStep } from "atp-router-core/testing";
import { drawOf, numberOf } from "./world.js";

const usage = { inTokens: 5, outTokens: 5, usdMicros: 10 };
const kinds = ["unavailable", "timeout", "protocol", "internal"] as const;

/** What was told of answers that broke off. */
export interface Cuts {
  /** Calls that broke off in the middle. */
  injected: number;
  /** Successes whose answer is not the whole answer of one call. */
  truncated: number;
  /** Successes whose partials, read by A4.2, are not the answer once. */
  duplicated: number;
  readonly ends: { ok: number; error: number };
}

/** Every stream's first call breaks off in the middle, half of the later ones too, until `cuts` of them have. */
export async function injectCuts(seed: number, cuts: number): Promise<Cuts> {
  const told: Cuts = { injected: 0, truncated: 0, duplicated: 0, ends: { ok: 0, error: 0 } };
  const asked = new Map<number, string[]>();
  const script = (id: string): AdapterScript => ({
    id,
    answer(call, nth) {
      const request = numberOf(call);
      const draw = drawOf(seed, id, request, nth);
      const said = asked.get(request) ?? [];
      asked.set(request, said);
      const words = Array.from({ length: 2 + Math.floor(draw() * 8) }, (_, i) => `${id}${nth}.${i} `);
      const steps: ScriptStep[] = words.map((text) => ({ afterMs: 5, text, usage }));
      const broken = said.length === 0 || draw() < 0.5;
      said.push(words.join(""));
      if (!broken) return [...steps, { afterMs: 1, final: {} }];
      told.injected++;
      const left = steps.slice(0, 1 + Math.floor(draw() * (steps.length - 1)));
      // One in five ends as if it were done, without its final.
      if (draw() < 0.2) return left;
      const kind = kinds[Math.floor(draw() * kinds.length)] ?? "unavailable";
      return [...left, { afterMs: 1, fail: { kind, message: "cut" } }];
    },
  });
  const sim = createSimulation({
    seed,
    adapters: ["a", "b", "c"].map(script),
    // These would keep most cuts from happening: what is measured is what is told of them.
    tails: { breaker: "off", outliers: "off", retry: { tokens: 1_000_000 } },
  });
  const lanes = ["gold", "silver", "bronze"] as const;
  for (let request = 0; told.injected < cuts; request++) {
    const stream = `st${request}`;
    const socket = sim.connect();
    socket.send(
      syn({
        session: `s${request}`,
        stream,
        qos: lanes[request % 3] ?? "gold",
        prompt: `request ${request}`,
        meta: { strategy: "single" },
      }),
    );
    await sim.clock.until(() => socket.end(stream) !== undefined);
    judge(told, asked.get(request) ?? [], socket.end(stream) as Frame, socket.of(stream, "agent.result.partial"));
    asked.delete(request);
    socket.drop();
  }
  await sim.router.close();
  return told;
}

function judge(told: Cuts, whole: readonly string[], end: Frame, partials: readonly Frame[]): void {
  const content = end.payload?.content as { ok?: boolean; answer?: string; adapter?: string };
  if (end.payload?.type !== "agent.result.final" || content.ok !== true) return void told.ends.error++;
  told.ends.ok++;
  if (!whole.includes(content.answer ?? "")) told.truncated++;
  try {
    if (readerOf(partials).text(content.adapter ?? "") !== content.answer) told.duplicated++;
  } catch {
    told.duplicated++;
  }
}
