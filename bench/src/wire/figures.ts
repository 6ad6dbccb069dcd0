import { type Goal, goal, type Info, info } from "../harness/report.js";
import { ratio, type Spread, spread } from "../harness/stats.js";
import type { DecodeRound } from "./decode.js";
import type { FuzzResult } from "./fuzz.js";
import type { WireCost } from "./load.js";
import type { Rejects } from "./reject.js";
import type { Size } from "./size.js";

/** What was broken in many seeded schedules. */
export interface Schedules {
  readonly schedules: number;
  readonly streams: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly violations: readonly string[] }[];
}

/** All that a run measured. */
export interface Measured {
  /** By round, the floor's and the endpoint's cost of a partial. */
  readonly partials: readonly { readonly floor: WireCost; readonly endpoint: WireCost }[];
  readonly decodes: readonly DecodeRound[];
  readonly rejects: Rejects;
  /** Bytes of heap for one idle connection. */
  readonly idle: {
    readonly floor: readonly number[];
    readonly endpoint: readonly number[];
    readonly router: readonly number[];
  };
  readonly size: Size;
  readonly fuzz: FuzzResult;
  readonly schedules: Schedules;
}

/** How much a heap that is flat may differ between two collections. */
const FLAT_KB = 1_024;

const one = (value: number): Spread => spread([value]);
const column = <T>(rounds: readonly T[], pick: (round: T) => number): number[] => rounds.map(pick);

/** KiB above the floor, round by round. */
function above(floor: readonly number[], ours: readonly number[]): Spread {
  return spread(ours.map((bytes, round) => (bytes - (floor[round] ?? Number.NaN)) / 1_024));
}

/** The figures that have a target. */
export function goalsOf(m: Measured): Goal[] {
  const slowest = m.rejects.kinds[0];
  return [
    goal(
      "W1.partial_path",
      "CPU of one partial through a router endpoint with resume on, over the bare corked socket's, 100 connections",
      "x",
      ratio(
        column(m.partials, (round) => round.endpoint.cpuUs),
        column(m.partials, (round) => round.floor.cpuUs),
      ),
      "<=",
      1.5,
    ),
    goal(
      "W2.decode_seed",
      "throughput of decoding and checking the seed's SYN over JSON.parse alone on the same text",
      "x",
      ratio(
        column(m.decodes, (round) => round.parseNs),
        column(m.decodes, (round) => round.decodeNs),
      ),
      ">=",
      0.6,
    ),
    goal(
      "W3.reject_us",
      `median time to refuse the slowest kind of ${m.rejects.kinds.length} bad frames of up to 4 KiB, the answer included (${slowest?.kind ?? "none"})`,
      "us",
      one(slowest?.p50Us ?? Number.NaN),
      "<=",
      50,
    ),
    goal(
      "W4.idle_session_kb",
      "heap of one idle session of the whole router above the bare WebSocket connection",
      "KiB",
      above(m.idle.floor, m.idle.router),
      "<=",
      8,
    ),
    goal(
      "W5.bundle_kb",
      "codec and client endpoint as the client imports them, minified and gzipped",
      "KiB",
      one(m.size.gzipBytes / 1_024),
      "<=",
      5.5,
    ),
    goal("W5.foreign", "files of other packages in that bundle, zod among them", "files", one(m.size.foreign), "==", 0),
    goal("W6.frames", "mutated frames, JSON and CBOR", "frames", one(m.fuzz.frames), ">=", 1_000_000),
    goal(
      "W6.fuzz",
      "exceptions that left a decoder, and prototypes touched",
      "failures",
      one(m.fuzz.exceptions + m.fuzz.prototypes),
      "==",
      0,
    ),
    goal("W6.heap_kb", "growth of the heap over the last nine tenths", "KiB", one(m.fuzz.heapGrowthKb), "<=", FLAT_KB),
    goal("W7.runs", "seeded schedules, each with at least 8 streams", "runs", one(m.schedules.schedules), ">=", 10_000),
    goal(
      "W7.schedules",
      "schedules in which anything was lost, doubled, reordered, unended or over a bound, or whose trace did not repeat",
      "failures",
      one(m.schedules.failures.length),
      "==",
      0,
    ),
  ];
}

/** The figures behind them. */
export function infosOf(m: Measured): Record<string, Info> {
  const { counts } = m.schedules;
  return {
    "W1.floor_us": info("us", spread(column(m.partials, (round) => round.floor.cpuUs))),
    "W1.endpoint_us": info("us", spread(column(m.partials, (round) => round.endpoint.cpuUs))),
    "W1.floor_frames_per_s": info("1/s", spread(column(m.partials, (round) => round.floor.framesPerSecond))),
    "W1.endpoint_frames_per_s": info("1/s", spread(column(m.partials, (round) => round.endpoint.framesPerSecond))),
    "W2.parse_ns": info("ns", spread(column(m.decodes, (round) => round.parseNs))),
    "W2.decode_ns": info("ns", spread(column(m.decodes, (round) => round.decodeNs))),
    ...Object.fromEntries(
      [...m.rejects.kinds.slice(0, 5), ...m.rejects.structured].map((kind) => [
        `W3.p50 ${kind.kind}`,
        info("us", one(kind.p50Us)),
      ]),
    ),
    "W3.parse_alone 430 objects": info("us", one(m.rejects.parseUs)),
    "W3.largest_p99": info("us", one(Math.max(...m.rejects.kinds.map((kind) => kind.p99Us)))),
    "W4.bare_kb": info("KiB", spread(m.idle.floor.map((bytes) => bytes / 1_024))),
    "W4.endpoint_kb": info("KiB", above(m.idle.floor, m.idle.endpoint)),
    "W5.min_kb": info("KiB", one(m.size.minBytes / 1_024)),
    "W6.accepted": info("frames", one(m.fuzz.accepted)),
    "W7.streams": info("streams", one(m.schedules.streams)),
    ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [`W7.${name}`, info("times", one(count))])),
  };
}
