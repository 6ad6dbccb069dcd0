import { createRouter } from "../../../atp-router-core/src/index.js";
import type { Router } from "../../../atp-router-core/src/index.js";
// By their files: the room's index has what only Node has.
import { scriptedAdapter } from "../../../atp-router-core/src/testing/scripted-adapter.js";
import { createVirtualClock, seededRng } from "../../../atp-router-core/src/testing/virtual-clock.js";
import type { VirtualClock } from "../../../atp-router-core/src/testing/virtual-clock.js";
import { createClient } from "../../src/index.js";
import type { AtpClient, ClientClock } from "../../src/index.js";
import { SimWire } from "./sim-wire.js";

// Runs in Node and in a page: nothing here is of either.

/** What happens after one delivered frame. */
export const cutKinds = ["none", "cut", "clientKnows", "routerKnows", "sleep"] as const;
export type CutKind = (typeof cutKinds)[number];

/** One run: what is asked follows from the seed, and the kind of loss comes after the `boundary`th frame, either way. */
export interface CutRun {
  readonly seed: number;
  readonly kind: CutKind;
  readonly boundary: number;
}

/** What one run told its reader. */
export interface CutOutcome {
  /** Pieces in the order of their delivery, `chunk:text`. */
  readonly pieces: readonly string[];
  readonly text: string;
  readonly answer: string;
  /** Frames delivered over all sockets. */
  readonly frames: number;
  readonly sockets: number;
  readonly resumed: number;
  readonly gaps: number;
}

const PATIENCE_MS = 600_000;
/** Less than a router keeps a session. */
const SLEEP_MS = 60_000;

/** A client's time, which stands still while its machine sleeps: what is due meanwhile comes at its waking. */
class SleepyClock implements ClientClock {
  readonly #clock: VirtualClock;
  #held: (() => void)[] | null = null;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  after(delayMs: number, fn: () => void): () => void {
    let isOff = false;
    const due = (): void => {
      if (isOff) return;
      if (this.#held === null) fn();
      else this.#held.push(due);
    };
    const stop = this.#clock.at(this.#clock.now() + delayMs, due);
    return () => {
      isOff = true;
      stop();
    };
  }

  sleep(): void {
    this.#held = [];
  }

  wake(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const due of held) due();
  }
}

/** Asks one question of a real router on virtual time, and breaks the connection once. */
export async function cutRun({ seed, kind, boundary }: CutRun): Promise<CutOutcome> {
  const clock = createVirtualClock(seed);
  const rng = seededRng(seed * 2_654_435_761);
  const below = (n: number): number => rng.u32() % n;
  const words = Array.from({ length: 2 + below(6) }, (_, i) => `${seed}.${i} `.padEnd(1 + below(60), "·"));
  const stepMs = 1 + below(30);
  const router = makeRouter(clock, seed, words, stepMs);
  const wire = new SimWire(clock, router, 1 + below(10));
  const time = new SleepyClock(clock);
  let wake = (): void => undefined;
  let frames = 0;
  wire.delivered = (count) => {
    frames = count;
    if (count !== boundary || kind === "none") return;
    const socket = wire.sockets.at(-1);
    if (kind === "cut") socket?.cut();
    else if (kind === "clientKnows") socket?.halfOpen("client");
    else if (kind === "routerKnows") socket?.halfOpen("router");
    else {
      time.sleep();
      socket?.halfOpen("router");
      clock.at(clock.now() + SLEEP_MS, () => {
        time.wake();
        wake();
      });
    }
  };
  const client = createClient({
    url: "ws://router.test/ws",
    sessionId: "s1",
    socket: wire.connect,
    clock: time,
    random: () => rng.u32() / 2 ** 32,
    wake: (fn) => {
      wake = fn;
      return () => undefined;
    },
  });
  // A run is resumable from the router's welcome on: a client that wants more asks once it is connected.
  await connected(client, clock);
  const run = client.stream("?", { strategy: "single", qos: "silver" });
  const told = { pieces: [] as string[], resumed: 0, gaps: 0 };
  const read = (async () => {
    for await (const event of run) {
      if (event.type === "partial") told.pieces.push(`${event.chunk}:${event.text}`);
      if (event.type === "resumed") told.resumed++;
      if (event.type === "gap") told.gaps++;
    }
  })();
  let ended = false;
  const over = (): void => {
    ended = true;
  };
  read.then(over, over);
  await clock.until(() => ended, PATIENCE_MS);
  await read;
  if (kind === "sleep") await clock.advance(SLEEP_MS);
  const { answer } = await run.final();
  const closed = client.close();
  await clock.advance(2_000);
  await closed;
  await router.close();
  return { ...told, text: run.text.get("a") ?? "", answer, frames, sockets: wire.sockets.length };
}

async function connected(client: AtpClient, clock: VirtualClock): Promise<void> {
  const first = client.stream("hello", { strategy: "single" });
  let isDone = false;
  void first.final().then(() => {
    isDone = true;
  });
  await clock.until(() => isDone, PATIENCE_MS);
}

function makeRouter(clock: VirtualClock, seed: number, words: readonly string[], stepMs: number): Router {
  const usage = { inTokens: 1, outTokens: 1, usdMicros: 2 };
  const adapter = scriptedAdapter(clock, {
    id: "a",
    answer: ({ promptJson }) =>
      promptJson.includes("hello")
        ? [{ afterMs: 1, final: {} }]
        : [...words.map((text) => ({ afterMs: stepMs, text, usage })), { afterMs: stepMs, final: {} }],
  });
  return createRouter({ adapters: [adapter], clock, rng: seededRng(seed), hash: looseHash });
}

/** Tells texts of one simulation apart; not for secrets. */
function looseHash(text: string): string {
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193) >>> 0;
    b = Math.imul(b + text.charCodeAt(i), 0x85ebca6b) >>> 0;
  }
  return a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");
}

/** What came of many runs. */
export interface CutRuns {
  readonly runs: number;
  /** What differed from the uncut run, one line each. */
  readonly failures: readonly string[];
  readonly resumed: number;
  readonly byKind: Readonly<Record<CutKind, number>>;
}

/** Cuts at every frame boundary of one seed after the other, in each way, until there were so many runs. */
export async function cutRuns(count: number, from = 1): Promise<CutRuns> {
  const failures: string[] = [];
  const byKind: Record<CutKind, number> = { none: 0, cut: 0, clientKnows: 0, routerKnows: 0, sleep: 0 };
  let [runs, resumed] = [0, 0];
  for (let seed = from; runs < count; seed++) {
    const whole = await cutRun({ seed, kind: "none", boundary: 0 });
    byKind.none++;
    const wanted = whole.pieces.join("|");
    // The frames of the first answer, by which the client came to be connected, are left alone: 7 of them.
    for (let boundary = 7; boundary <= whole.frames && runs < count; boundary++) {
      for (const kind of cutKinds.slice(1)) {
        if (runs >= count) break;
        const name = `seed ${seed}, ${kind} after frame ${boundary}`;
        runs++;
        byKind[kind]++;
        try {
          const got = await cutRun({ seed, kind, boundary });
          resumed += got.resumed;
          if (got.pieces.join("|") !== wanted) failures.push(`${name}: read ${got.pieces.join("|")}, not ${wanted}`);
          if (got.text !== whole.text) failures.push(`${name}: another text`);
          if (got.answer !== whole.answer) failures.push(`${name}: another answer`);
          if (got.gaps > 0) failures.push(`${name}: a gap`);
        } catch (error) {
          failures.push(`${name}: ${String(error)}`);
        }
      }
    }
  }
  return { runs, failures, resumed, byKind };
}
