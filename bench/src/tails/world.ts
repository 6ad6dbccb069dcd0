import { createSimulation, seededRng, syn } from "atp-router-core/testing";
import type { AdapterScript, MemorySocket, Simulation, SimulationConfig } from "atp-router-core/testing";
import type { Qos } from "atp-protocol";

/** What one request of a run came to. */
export interface Outcome {
  /** Arrival to the last frame. */
  readonly ms: number;
  readonly ok: boolean;
  /** When it arrived, from the run's begin. */
  readonly at: number;
}

/** What a run came to, whichever way its adapters went. */
export interface Played {
  readonly outcomes: readonly Outcome[];
  /** Calls that reached adapters. */
  readonly calls: number;
  /** What the ledger holds as spent, losers of hedges included. */
  readonly usdMicros: number;
}

/** Numbers from 0 to 1 of a seed and a few names: the same for the same call in every variant. */
export function drawOf(seed: number, ...names: readonly (number | string)[]): () => number {
  let hash = 0x811c9dc5 ^ seed;
  for (const char of names.join("/")) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  const rng = seededRng(hash >>> 0);
  // Near seeds begin near each other.
  for (let i = 0; i < 8; i++) rng.u32();
  return () => (rng.u32() + 0.5) / 2 ** 32;
}

/** A lognormal factor with median 1. */
export function lognormal(draw: () => number, sigma: number): number {
  return Math.exp(sigma * Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw()));
}

/** The request's number, which every prompt of these runs ends in. */
export function numberOf(call: { readonly promptJson: string }): number {
  return Number(/request (\d+)/.exec(call.promptJson)?.[1]);
}

/** The production router in virtual time, under Poisson arrivals that wait for nobody. */
export async function play(options: {
  readonly seed: number;
  readonly requests: number;
  readonly perSecond: number;
  readonly adapters: (now: () => number) => readonly AdapterScript[];
  readonly config: Omit<SimulationConfig, "adapters" | "seed">;
  readonly qos: (request: number) => Qos;
}): Promise<Played> {
  let now = (): number => 0;
  const sim: Simulation = createSimulation({
    ...options.config,
    seed: options.seed,
    adapters: options.adapters(() => now()),
  });
  now = () => sim.clock.now();
  const draw = drawOf(options.seed, "arrivals");
  const outcomes: Outcome[] = [];
  for (let request = 0; request < options.requests; request++) {
    await sim.clock.advance((-Math.log(draw()) * 1_000) / options.perSecond);
    void ask(sim, request, options.qos(request)).then((outcome) => outcomes.push(outcome));
  }
  await sim.clock.until(() => outcomes.length === options.requests);
  const { tenants } = await sim.router.budgets();
  const calls = [...sim.adapters.values()].reduce((sum, adapter) => sum + adapter.calls.length, 0);
  const usdMicros = tenants["default"]?.posted.usd_micros ?? Number.NaN;
  await sim.router.close();
  return { outcomes, calls, usdMicros };
}

/** One request on a socket of its own. */
export function ask(sim: Simulation, request: number, qos: Qos): Promise<Outcome> {
  const at = sim.clock.now();
  const socket = sim.connect();
  const stream = `st${request}`;
  socket.send(syn({ session: `s${request}`, stream, qos, prompt: `request ${request}`, meta: { strategy: "single" } }));
  return new Promise((resolve) => {
    const look = (): void => {
      const end = socket.end(stream);
      if (end === undefined && socket.closed === undefined) return void sim.clock.at(sim.clock.now() + 5, look);
      resolve({ at, ms: sim.clock.now() - at, ok: succeeded(socket, stream) });
      socket.drop();
    };
    look();
  });
}

function succeeded(socket: MemorySocket, stream: string): boolean {
  const payload = socket.end(stream)?.payload;
  return payload?.type === "agent.result.final" && (payload.content as { readonly ok?: boolean }).ok === true;
}
