import { createHash } from "node:crypto";
import { type Credit, defaultLimits, type EndpointConfig } from "../../src/index.js";
import { Random } from "./random.js";
import { World } from "./world.js";

/** Streams that every schedule has at least. */
export const MIN_STREAMS = 8;

const ACTS = 120;

/** What came of one schedule. */
export interface ScheduleRun {
  readonly seed: number;
  /** What was broken; empty when all held. */
  readonly violations: readonly string[];
  /** SHA-256 over every effect of both sides, in order. */
  readonly trace: string;
  readonly streams: number;
  readonly counts: Readonly<Record<Happening, number>>;
}

/** What a schedule may do to its socket. */
export type Happening = "cut" | "halfOpen" | "duplicate" | "drain";

interface Setting {
  readonly capabilities: readonly string[];
  readonly over: Partial<EndpointConfig>;
  readonly clientOver: Partial<EndpointConfig>;
  /** Nothing that was said can be evicted. */
  readonly keepsAll: boolean;
  /** How long pieces of text are. */
  readonly size: number;
  /** What readers let the router be ahead of them. Absent: the usual. */
  readonly credit: Credit | undefined;
}

function settingOf(random: Random): Setting {
  const inFragments = random.below(3) === 0;
  const keepsAll = random.below(3) > 0;
  const tight = random.below(2) === 0;
  const limits = {
    ...defaultLimits,
    ...(inFragments ? { max_frame_bytes: 900 } : {}),
    ...(keepsAll ? {} : { retention_bytes: 2_000 }),
  };
  return {
    capabilities: inFragments ? ["resume", "credit", "fragments"] : ["resume", "credit"],
    over: { limits, ...(tight ? { highMarkBytes: 3_000, lowMarkBytes: 600 } : {}) },
    clientOver: { limits },
    keepsAll,
    size: inFragments ? 60 : 4,
    credit: random.below(2) === 0 ? { messages: 4, bytes: inFragments ? 20_000 : 1_500 } : undefined,
  };
}

/** Runs the schedule of this seed: the same seed gives the same acts, effects and trace. */
export function runSchedule(seed: number): ScheduleRun {
  const random = new Random(seed);
  const setting = settingOf(random);
  const world = new World(setting.capabilities, setting.over, setting.clientOver);
  // An id that came twice is told so; a router that shuts down refuses what is new, and the next one knows no token of it.
  for (const code of ["EDUP", "EDRAINING", "ERESUME"]) world.expected.add(code);
  const trace = createHash("sha256");
  world.watch = (from, effect) => trace.update(`${from}${JSON.stringify(effect)}`);
  const counts: Record<Happening, number> = { cut: 0, halfOpen: 0, duplicate: 0, drain: 0 };
  const violations: string[] = [];
  try {
    // A cut before the first welcome leaves nothing to resume: what was sent until then is cut, rightly.
    world.settle();
    for (let i = 0; i < MIN_STREAMS; i++) world.open(setting.credit);
    for (let i = 0; i < ACTS; i++) act(world, random, setting, counts);
    world.settle();
    violations.push(...unequal(world));
    for (let round = 0; round < 10 && world.client.endpoint.openStreams().length > 0; round++) {
      world.endAll();
      world.settle();
    }
    violations.push(...judge(world, setting.keepsAll, counts.drain > 0));
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  }
  return { seed, violations, trace: trace.digest("hex"), streams: world.streams.size, counts };
}

function act(world: World, random: Random, { size, credit }: Setting, counts: Record<Happening, number>): void {
  const kind = random.below(1_000);
  const n = random.below(16);
  if (kind < 40) world.open(credit);
  else if (kind < 400) world.say(n, `${n.toString(16)}${"·".repeat(n * size)}${random.below(1_000)}|`);
  else if (kind < 440) world.end(n);
  else if (kind < 560) world.deliver("router", 1 + n);
  else if (kind < 720) world.deliver("client", 1 + n);
  else if (kind < 760) world.consume();
  else if (kind < 800) world.input(n);
  else if (kind < 810) world.cancel(n);
  else if (kind < 850) world.drain();
  else if (kind < 880) {
    // A HELLO that takes 10 s is refused for good (4408): that is not what is tried here.
    world.deliver("router", 1);
    world.advance(n * 500);
  } else if (kind < 920) world.connect();
  else if (kind < 955) {
    counts.duplicate++;
    world.duplicate(n % 2 === 0 ? "client" : "router", n);
  } else if (kind < 975) {
    counts.cut++;
    world.cut();
  } else if (kind < 996) {
    counts.halfOpen++;
    world.halfOpen(n % 2 === 0 ? "client" : "router");
  } else {
    counts.drain++;
    world.drainRouter();
  }
}

/** At rest, what an open stream was told on one side is what the other side has. */
function unequal(world: World): string[] {
  const found: string[] = [];
  for (const [ref, told] of world.streams) {
    if (told.ends.length > 0) continue;
    if (told.heard !== told.said) found.push(`${ref}: heard ${told.heard.length} of ${told.said.length} characters`);
    if (told.inputsTaken.length !== told.inputsSent)
      found.push(`${ref}: ${told.inputsTaken.length} of ${told.inputsSent} inputs`);
  }
  return found;
}

/** Delivered is sent, nothing twice, order kept, one end a stream, credit and memory bounds held. */
function judge(world: World, keepsAll: boolean, drained: boolean): string[] {
  const found: string[] = [];
  for (const [ref, told] of world.streams) {
    const end = told.ends[0];
    if (told.ends.length !== 1) found.push(`${ref}: ${told.ends.length} ends`);
    // Only a router that shut down may take a session with it.
    if (end === "cut" && !drained) found.push(`${ref}: cut though its session lived`);
    if (!told.said.startsWith(told.heard)) found.push(`${ref}: heard what was not said, or not in that order`);
    // After an eviction an ended stream brings only its end, which says everything (A4.3, A9.2).
    if (end === "FIN" && told.answer !== told.said) found.push(`${ref}: the end has another answer`);
    if (end === "FIN" && keepsAll && told.heard !== told.said) found.push(`${ref}: pieces are missing`);
    if (told.inputsTaken.some((input, index) => input !== index + 1)) found.push(`${ref}: inputs out of order`);
  }
  if (world.creditExceeded > 0) found.push(`credit exceeded ${world.creditExceeded} times`);
  return [...found, ...world.overBounds];
}

/** What came of many schedules. */
export interface ScheduleSummary {
  readonly schedules: number;
  readonly streams: number;
  readonly counts: Readonly<Record<Happening, number>>;
  /** The failed ones, each by its seed; a trace that another run of its seed did not repeat counts as one. */
  readonly failures: readonly { readonly seed: number; readonly violations: readonly string[] }[];
}

/** Every so many schedules are run twice, and must give the same trace. */
const REPEAT_EVERY = 50;

/** Runs the schedules of the seeds `from` to `from + count - 1`. */
export function runSchedules({ from, count }: { readonly from: number; readonly count: number }): ScheduleSummary {
  const counts: Record<Happening, number> = { cut: 0, halfOpen: 0, duplicate: 0, drain: 0 };
  const failures: { seed: number; violations: readonly string[] }[] = [];
  let streams = 0;
  for (let seed = from; seed < from + count; seed++) {
    const run = runSchedule(seed);
    streams += run.streams;
    for (const name of Object.keys(counts) as Happening[]) counts[name] += run.counts[name];
    const isFailed = run.violations.length > 0;
    const isRepeated = isFailed || seed % REPEAT_EVERY === 0;
    const differs = isRepeated && runSchedule(seed).trace !== run.trace;
    if (isFailed || differs)
      failures.push({ seed, violations: [...run.violations, ...(differs ? ["another trace the second time"] : [])] });
  }
  return { schedules: count, streams, counts, failures };
}
