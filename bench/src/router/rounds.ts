import { type Controlled, type Running, startChild } from "../harness/children.js";
import { rssMbOf } from "../harness/proc.js";
import type { LoadOptions, LoadResult, RouterLoadResult } from "./load.js";
import type { Mode } from "./modes.js";

/** What one turn of a variant measured. */
export interface Turn {
  /** CPU of the router's process per request, in milliseconds; absent of a direct call. */
  readonly routerCpuMs?: number;
  readonly afterCpuMs?: number;
  readonly firstP50Ms: number;
  readonly totalP50Ms: number;
  readonly requestsPerSecond: number;
}

/** Something that answers questions: the product, a floor, or an adapter asked directly. */
export interface Variant {
  readonly name: string;
  turn(mode: Mode): Promise<Turn>;
  /** Resident memory of its router now, in MiB; absent of a direct call. */
  rssMb?(): number;
}

/** Through the product, or anything else that speaks ATP, asked by `load`. */
export function throughRouter(name: string, load: Controlled, router: Running): Variant {
  return {
    name,
    turn: (mode) =>
      load.call<RouterLoadResult>("throughRouter", { ...loadOptions(mode, router.port), pid: router.pid }),
    rssMb: () => rssMbOf(router.pid),
  };
}

/** Straight to the product's adapter. */
export function straight(name: string, load: Controlled, adapter: Controlled): Variant {
  return { name, turn: (mode) => load.call<LoadResult>("straight", loadOptions(mode, adapter.port)) };
}

function loadOptions(mode: Mode, port: number): LoadOptions {
  const { concurrency, requests, chunks, delayMs } = mode;
  return { port, concurrency, requests, chunks, delayMs };
}

/** What the floor's own load answers. */
interface FloorResult {
  readonly rps: number;
  readonly ttft50: number;
  readonly tot50: number;
  readonly errs: number;
  readonly routerMs?: number;
}

async function floorTurn(name: string, load: Controlled, operation: string, mode: Mode, target: object): Promise<Turn> {
  const { concurrency: conc, requests: n, chunks, delayMs } = mode;
  const result = await load.call<FloorResult>(operation, { conc, n, chunks, delayMs, ...target });
  if (result.errs > 0) throw new Error(`${name}: ${result.errs} of ${n} requests failed`);
  return {
    ...(result.routerMs === undefined ? {} : { routerCpuMs: result.routerMs }),
    firstP50Ms: result.ttft50,
    totalP50Ms: result.tot50,
    requestsPerSecond: result.rps,
  };
}

/** The floor with one of its clients, asked by the floor's own load. */
export function throughFloor(name: string, load: Controlled, router: Controlled): Variant {
  return {
    name,
    turn: (mode) => floorTurn(name, load, "ws", mode, { port: router.port, pid: router.pid }),
    rssMb: () => rssMbOf(router.pid),
  };
}

/** Straight to the floor's adapter with the floor's client. */
export function straightToFloor(name: string, load: Controlled, adapter: Controlled): Variant {
  return { name, turn: (mode) => floorTurn(name, load, "direct", mode, { kind: "connect-grpc", port: adapter.port }) };
}

/** A floor router in front of `adapter`. */
export function startFloor(adapter: Controlled, client: string, cork: boolean): Promise<Controlled> {
  return startChild("baselines/router.mjs", [String(adapter.port), client, ...(cork ? ["cork"] : [])]);
}

type Named = Pick<Variant, "name">;

/** All turns of a run. A variant that took several turns in a round counts with their mean. */
export class Turns {
  private readonly turns = new Map<string, Map<number, Turn[]>>();

  /** Keeps a turn of a round. */
  add(round: number, mode: Mode, variant: Named, turn: Turn): void {
    const key = `${mode.name} ${variant.name}`;
    const rounds = this.turns.get(key) ?? new Map<number, Turn[]>();
    this.turns.set(key, rounds);
    rounds.set(round, [...(rounds.get(round) ?? []), turn]);
  }

  /**
   * One figure of a variant, a value per round. With `beside`, only of the rounds in which that variant took part too.
   * @throws Error when it was not measured
   */
  values(mode: Mode, variant: Named, figure: keyof Turn, beside: Named = variant): number[] {
    const other = this.rounds(mode, beside);
    return [...this.rounds(mode, variant)]
      .filter(([round]) => other.has(round))
      .map(([, turns]) => {
        const values = turns.map((turn) => {
          const value = turn[figure];
          if (value === undefined) throw new Error(`${variant.name} has no ${figure}`);
          return value;
        });
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      });
  }

  /** Whether the variant took a turn in this mode. */
  has(mode: Mode, variant: Named): boolean {
    return this.turns.has(`${mode.name} ${variant.name}`);
  }

  private rounds(mode: Mode, variant: Named): ReadonlyMap<number, Turn[]> {
    const rounds = this.turns.get(`${mode.name} ${variant.name}`);
    if (rounds === undefined) throw new Error(`${variant.name} took no turn in mode ${mode.name}`);
    return rounds;
  }
}

/** There and back again: what drifts during a round weighs alike on each. */
export function mirrored(variants: readonly Variant[]): Variant[] {
  return [...variants, ...[...variants].reverse()];
}

/** `variants` turned by the round's number, so that each takes each place in turn. */
export function inTurn(variants: readonly Variant[], round: number): Variant[] {
  const start = variants.length === 0 ? 0 : round % variants.length;
  return [...variants.slice(start), ...variants.slice(0, start)];
}
