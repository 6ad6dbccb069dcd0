import { createSimulation } from "../../../atp-router-core/src/testing/index.js";
import type { AdapterScript, Simulation } from "../../../atp-router-core/src/testing/index.js";
import { createClient } from "../../src/index.js";
import type { AtpClient, ClientOptions } from "../../src/index.js";
import { clientClock, SimWire } from "./sim-wire.js";

const usage = { inTokens: 5, outTokens: 10, usdMicros: 50 };

/** An adapter that says words, ten milliseconds apart. */
export function talker(id: string, words: readonly string[], evidence: readonly object[] = []): AdapterScript {
  return {
    id,
    answer: [
      ...words.map((text, i) => ({ afterMs: 10, text, ...(i === 0 ? { usage } : {}) })),
      { afterMs: 1, final: { confidence: 0.9, ...(evidence.length === 0 ? {} : { evidence }) } },
    ],
  } as AdapterScript;
}

/** A client before a real router on virtual time. */
export interface SimClient {
  readonly sim: Simulation;
  readonly wire: SimWire;
  readonly client: AtpClient;
  /** Moves virtual time until a promise has settled. */
  passing<T>(promise: PromiseLike<T>): Promise<T>;
  close(): Promise<void>;
}

export function simClient(adapters: readonly AdapterScript[], options: Partial<ClientOptions> = {}): SimClient {
  const sim = createSimulation({ adapters: [...adapters] });
  const wire = new SimWire(sim.clock, sim.router);
  const client = createClient({
    url: "ws://router.test/ws",
    socket: wire.connect,
    clock: clientClock(sim.clock),
    random: () => 0.5,
    ...options,
  });
  return {
    sim,
    wire,
    client,
    async passing(promise) {
      let settled = false;
      const done = (): void => {
        settled = true;
      };
      promise.then(done, done);
      await sim.clock.until(() => settled, 60_000);
      return promise;
    },
    close: () => sim.router.close(),
  };
}
