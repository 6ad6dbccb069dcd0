import { type Controlled, startChild } from "../harness/children.js";
import { progress } from "../harness/report.js";
import type { WireCost, WireLoad } from "./load.js";

/** As many as the floor was first measured with. */
const CONNECTIONS = 100;
const FRAMES = 200_000;

/** One round of both. */
export interface PartialRound {
  readonly floor: WireCost;
  readonly endpoint: WireCost;
}

/** Rounds of the floor and the endpoint, each there and back, so that drift within a round cancels. The first is dropped. */
export async function partialRounds(rounds: number): Promise<PartialRound[]> {
  const running: Controlled[] = [];
  try {
    const start = async (path: string): Promise<Controlled> => {
      const child = await startChild(path);
      running.push(child);
      return child;
    };
    const load = await start("dist/bench-wire-load.js");
    const servers = {
      floor: await start("baselines/wire/ws-server.mjs"),
      endpoint: await start("dist/bench-wire-server.js"),
    };
    const turn = (name: keyof typeof servers): Promise<WireCost> => {
      const { port, pid } = servers[name];
      const options: WireLoad = { port, pid, connections: CONNECTIONS, frames: FRAMES };
      return load.call<WireCost>(name, options);
    };
    const measured: PartialRound[] = [];
    for (let round = 0; round < rounds; round++) {
      const [first, second] = round % 2 === 0 ? (["floor", "endpoint"] as const) : (["endpoint", "floor"] as const);
      const turns: Record<keyof typeof servers, WireCost[]> = { floor: [], endpoint: [] };
      for (const name of [first, second, second, first]) turns[name].push(await turn(name));
      const one = { floor: mean(turns.floor), endpoint: mean(turns.endpoint) };
      if (round > 0) measured.push(one);
      progress(
        `partials, round ${round + 1} of ${rounds}${round === 0 ? " (dropped)" : ""}: floor ${one.floor.cpuUs.toFixed(2)} us, endpoint ${one.endpoint.cpuUs.toFixed(2)} us`,
      );
    }
    return measured;
  } finally {
    await Promise.all(running.map((child) => child.stop()));
  }
}

function mean(turns: readonly WireCost[]): WireCost {
  const of = (pick: (turn: WireCost) => number): number =>
    turns.reduce((sum, turn) => sum + pick(turn), 0) / turns.length;
  return { cpuUs: of((turn) => turn.cpuUs), framesPerSecond: of((turn) => turn.framesPerSecond) };
}
