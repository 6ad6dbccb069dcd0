import { createHash } from "node:crypto";
import type { Frame, Qos, Window } from "atp-protocol";
import type { Observation } from "../ports/index.js";
import { createRouter } from "../runtime/index.js";
import type { Router, RouterConfig } from "../runtime/index.js";
import { connectMemorySocket } from "./memory-socket.js";
import type { MemorySocket } from "./memory-socket.js";
import { scriptedAdapter } from "./scripted-adapter.js";
import type { AdapterScript, ScriptedAdapter } from "./scripted-adapter.js";
import { createVirtualClock, seededRng } from "./virtual-clock.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What a simulation is made of: a router's configuration, with scripts instead of adapters. */
export interface SimulationConfig extends Omit<RouterConfig, "adapters" | "clock" | "rng" | "observer"> {
  readonly adapters: readonly AdapterScript[];
  /** @default 1 */
  readonly seed?: number;
  /** The time of another simulation, for several routers in one world. @default its own */
  readonly clock?: VirtualClock;
}

/** The real router and runtime on virtual time, with scripted adapters and in-memory sockets. */
export interface Simulation {
  readonly clock: VirtualClock;
  readonly router: Router;
  readonly adapters: ReadonlyMap<string, ScriptedAdapter>;
  readonly observations: readonly Observation[];
  connect(info?: Parameters<typeof connectMemorySocket>[2]): MemorySocket;
}

/** Builds a simulation; the same seed and the same script give the same run. */
export function createSimulation(config: SimulationConfig | ((clock: VirtualClock) => SimulationConfig)): Simulation {
  const seed = typeof config === "function" ? 1 : (config.seed ?? 1);
  const clock = (typeof config === "function" ? undefined : config.clock) ?? createVirtualClock(seed);
  const { adapters: scripts, ...rest } = typeof config === "function" ? config(clock) : config;
  const adapters = new Map(scripts.map((script) => [script.id, scriptedAdapter(clock, script)]));
  const observations: Observation[] = [];
  const router = createRouter({
    // Web Crypto answers from another thread, in no time that a virtual clock knows of.
    hash: (text) => createHash("sha256").update(text).digest("hex"),
    ...rest,
    adapters: [...adapters.values()],
    clock,
    rng: seededRng(seed),
    observer: { observe: (observation) => observations.push(observation) },
  });
  return { clock, router, adapters, observations, connect: (info) => connectMemorySocket(router, clock, info) };
}

/** A SYN frame for tests. */
export function syn(options: {
  readonly stream?: string;
  readonly session?: string;
  readonly prompt?: string;
  readonly qos?: Qos;
  readonly window?: Window;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, unknown>>;
}): Frame {
  return {
    v: 1,
    session_id: options.session ?? "s1",
    stream_id: options.stream ?? "st1",
    msg_seq: 1,
    flags: ["SYN"],
    ...(options.qos === undefined ? {} : { qos: options.qos }),
    ...(options.window === undefined ? {} : { window: options.window }),
    ...(options.meta === undefined ? {} : { meta: options.meta }),
    payload: { type: "agent.request", content: options.content ?? { prompt: options.prompt ?? "hello" } },
  };
}
