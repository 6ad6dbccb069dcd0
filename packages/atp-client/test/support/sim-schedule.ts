import { createHash } from "node:crypto";
import { createRouter } from "../../../atp-router-core/src/index.js";
import type { Router } from "../../../atp-router-core/src/index.js";
import { createVirtualClock, scriptedAdapter, seededRng } from "../../../atp-router-core/src/testing/index.js";
import type { ScriptedAdapter, VirtualClock } from "../../../atp-router-core/src/testing/index.js";
import { createClient, isAtpError, isAtpLocalError } from "../../src/index.js";
import type { AtpClient, AtpRun } from "../../src/index.js";
import { clientClock, SimWire } from "./sim-wire.js";

/** Runs that every schedule has at least. */
const MIN_RUNS = 8;
/** Longer than any schedule: what has not ended by then never will. */
const PATIENCE_MS = 900_000;

/** What a schedule may do. */
export type Fault = "cut" | "halfOpen" | "stall" | "away" | "drain" | "cancel";

/** What came of one schedule. */
export interface ScheduleResult {
  readonly seed: number;
  /** What was broken; empty when all held. */
  readonly violations: readonly string[];
  /** SHA-256 over every delivered frame with its time. */
  readonly trace: string;
  readonly runs: number;
  readonly faults: Readonly<Record<Fault, number>>;
  readonly resumed: number;
  readonly gaps: number;
}

interface Told {
  readonly run: AtpRun;
  readonly words: readonly string[];
  readonly ends: unknown[];
  /** Pieces as they were read, by attempt. */
  readonly read: Map<number, string>;
  readonly chunks: Map<number, number[]>;
  /** Its consumer reads to the end. */
  readonly reads: boolean;
  gaps: number;
  resumed: number;
  finals: number;
  cancelled: boolean;
}

class Dice {
  readonly #u32: () => number;
  constructor(seed: number) {
    const rng = seededRng(seed * 2_654_435_761);
    this.#u32 = () => rng.u32();
    for (let i = 0; i < 8; i++) this.#u32();
  }
  /** An integer from 0 to below `n`. */
  below(n: number): number {
    return this.#u32() % n;
  }
  unit(): number {
    return this.#u32() / 2 ** 32;
  }
}

/** Runs a client against real routers on virtual time, through faults drawn from the seed. Same seed, same trace. */
export async function runSchedule(seed: number): Promise<ScheduleResult> {
  const schedule = new Schedule(seed);
  await schedule.run();
  return schedule.result();
}

class Schedule {
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #clock: VirtualClock;
  readonly #routers: Router[] = [];
  readonly #adapters: ScriptedAdapter[] = [];
  readonly #wire: SimWire;
  readonly #client: AtpClient;
  readonly #told: Told[] = [];
  readonly #trace = createHash("sha256");
  readonly #violations: string[] = [];
  readonly #faults: Record<Fault, number> = { cut: 0, halfOpen: 0, stall: 0, away: 0, drain: 0, cancel: 0 };
  readonly #early = new Set<string>();
  readonly #pieceBytes: number;
  readonly #limits: Readonly<Record<string, number>>;

  constructor(seed: number) {
    this.#seed = seed;
    this.#dice = new Dice(seed);
    this.#clock = createVirtualClock(seed);
    const inFragments = this.#dice.below(3) === 0;
    this.#pieceBytes = inFragments ? 1_500 : this.#dice.below(2) === 0 ? 8 : 600;
    this.#limits = {
      ...(inFragments ? { max_frame_bytes: 1_600 } : {}),
      ...(this.#dice.below(3) === 0 ? { retention_bytes: 2_500 } : {}),
    };
    this.#wire = new SimWire(this.#clock, this.#router(), 1 + this.#dice.below(20));
    this.#watch();
    this.#client = createClient({
      url: "ws://router.test/ws",
      sessionId: "s1",
      socket: this.#wire.connect,
      clock: clientClock(this.#clock),
      random: () => this.#dice.unit(),
      // A router that is away for half a minute is no reason to give up here.
      retry: { attempts: 1_000 },
    });
  }

  /** A run that went out on a session whose welcome had not come yet: nothing could resume it. */
  #watch(): void {
    let isWelcome = false;
    this.#wire.sent = (text) => {
      if (text.includes('"control.hello"')) isWelcome = text.includes('"resume_token"');
      const id = isWelcome ? undefined : /"stream_id":"(st\d+)","msg_seq":1,"flags":\["SYN"/.exec(text)?.[1];
      if (id !== undefined) this.#early.add(id);
    };
    this.#wire.delivered = (_count, to, text) => {
      this.#trace.update(`${this.#clock.now()} ${to} ${text}\n`);
      if (to === "router" || !text.includes('"control.welcome"')) return;
      isWelcome = true;
      this.#early.clear();
    };
  }

  #router(): Router {
    const adapter = scriptedAdapter(this.#clock, {
      id: "a",
      answer: ({ promptJson }) => {
        const asked = JSON.parse((JSON.parse(promptJson) as { prompt: string }).prompt) as Asked;
        const [words, { stepMs }] = [wordsOf(asked), asked];
        const usage = { inTokens: 1, outTokens: 1, usdMicros: 2 };
        return [...words.map((text) => ({ afterMs: stepMs, text, usage })), { afterMs: stepMs, final: {} }];
      },
    });
    const router = createRouter({
      adapters: [adapter],
      clock: this.#clock,
      rng: seededRng(this.#seed + this.#routers.length),
      hash: (text) => createHash("sha256").update(text).digest("hex"),
      limits: this.#limits,
    });
    this.#routers.push(router);
    this.#adapters.push(adapter);
    return router;
  }

  async run(): Promise<void> {
    for (let i = 0; i < MIN_RUNS; i++) this.#ask();
    await this.#clock.until(() => this.#client.state.name === "open");
    for (let n = 3 + this.#dice.below(6); n > 0; n--) {
      await this.#clock.advance(1 + this.#dice.below(500));
      await this.#fault();
      if (this.#dice.below(3) === 0) this.#ask();
    }
    const open = (): Told[] => this.#told.filter(({ ends }) => ends.length === 0);
    await this.#clock
      .until(() => open().length === 0, PATIENCE_MS)
      .catch(() => this.#violations.push(`${open().length} runs never ended`));
    await this.#clock.advance(2_000);
    const closed = this.#client.close();
    await this.#clock.advance(2_000);
    await closed;
    await this.#judge();
    for (const router of this.#routers) await router.close();
  }

  #ask(): void {
    const dice = this.#dice;
    const nth = this.#told.length;
    const asked: Asked = {
      nth,
      count: dice.below(this.#pieceBytes > 600 ? 10 : 25),
      bytes: dice.below(this.#pieceBytes),
      stepMs: 1 + dice.below(80),
    };
    const words = wordsOf(asked);
    const qos = dice.below(2) === 0 ? "gold" : "silver";
    const run = this.#client.stream(JSON.stringify(asked), { qos, strategy: "single" });
    const manner = dice.below(4);
    const told: Told = {
      run,
      words,
      ends: [],
      read: new Map(),
      chunks: new Map(),
      reads: manner < 3,
      gaps: 0,
      resumed: 0,
      finals: 0,
      cancelled: false,
    };
    this.#told.push(told);
    run.on("gap", () => told.gaps++);
    run.on("resumed", () => told.resumed++);
    run.on("final", () => told.finals++);
    void this.#follow(told, manner === 2 ? dice.below(200) : 0);
  }

  /** A consumer: it reads at its pace, or only waits for the answer. */
  async #follow(told: Told, paceMs: number): Promise<void> {
    try {
      if (told.reads) {
        for await (const event of told.run) {
          if (event.type === "partial") {
            told.read.set(event.attempt, (told.read.get(event.attempt) ?? "") + event.text);
            told.chunks.set(event.attempt, [...(told.chunks.get(event.attempt) ?? []), event.chunk]);
          }
          if (paceMs > 0) await new Promise<void>((go) => void this.#clock.at(this.#clock.now() + paceMs, go));
        }
      }
      await told.run.final();
      told.ends.push("final");
    } catch (error) {
      told.ends.push(this.#early.has(told.run.streamId) && isAtpLocalError(error, "ECUT") ? "too early" : error);
    }
  }

  async #fault(): Promise<void> {
    const dice = this.#dice;
    const socket = this.#wire.sockets.at(-1);
    const kind = dice.below(100);
    if (kind < 40) {
      this.#faults.cut++;
      socket?.cut([1006, 1012, 4102, 4000][dice.below(4)]);
    } else if (kind < 60) {
      this.#faults.halfOpen++;
      socket?.halfOpen(dice.below(2) === 0 ? "client" : "router");
    } else if (kind < 75) {
      this.#faults.stall++;
      socket?.stall(true);
      await this.#clock.advance(dice.below(40_000));
      socket?.stall(false);
    } else if (kind < 90) {
      this.#faults.away++;
      const router = this.#wire.router;
      this.#wire.router = null;
      socket?.cut();
      await this.#clock.advance(dice.below(30_000));
      this.#wire.router = router;
    } else if (kind < 95) {
      this.#faults.cancel++;
      const told = this.#told[dice.below(this.#told.length)];
      if (told === undefined || told.ends.length > 0) return;
      told.cancelled = true;
      void told.run.cancel();
    } else if (this.#faults.drain === 0) {
      this.#faults.drain++;
      const older = this.#wire.router;
      this.#wire.router = this.#router();
      void older?.drain();
    }
  }

  /** Delivered is sent, nothing twice, order kept, one end a run, each call paid once and told in a bill. */
  async #judge(): Promise<void> {
    const found = this.#violations;
    for (const told of this.#told) {
      const name = told.run.streamId;
      const text = told.words.join("");
      const [end] = told.ends;
      if (told.ends.length !== 1) found.push(`${name}: ${told.ends.length} ends`);
      if (end !== "final") {
        if (told.cancelled && isAtpLocalError(end, "EABORT")) continue;
        if (end === "too early") continue;
        // Only a router that shut down may take a session with it.
        const drained = isAtpLocalError(end, "ECUT") || (isAtpError(end) && end.code === "EDRAINING");
        if (this.#faults.drain === 0 || !drained) found.push(`${name}: ended by ${String(end)}`);
        continue;
      }
      if (told.finals !== 1) found.push(`${name}: ${told.finals} finals`);
      if ((await told.run.final()).answer !== text) found.push(`${name}: another answer`);
      // After a gap a run that has ended brings only its end; what there is must still be the beginning of what was said.
      if (!text.startsWith(told.run.text.get("a") ?? "")) found.push(`${name}: its text was never said`);
      if (told.gaps > 0) continue;
      if ((told.run.text.get("a") ?? "") !== text) found.push(`${name}: its text is not what was said`);
      if (told.reads && (told.read.get(0) ?? "") !== text) found.push(`${name}: read other pieces than were said`);
      const chunks = told.chunks.get(0) ?? [];
      if (chunks.some((chunk, i) => i > 0 && chunk <= (chunks[i - 1] ?? 0))) found.push(`${name}: pieces out of order`);
    }
    await this.#judgeMoney();
  }

  async #judgeMoney(): Promise<void> {
    const found = this.#violations;
    let posted = 0;
    for (const router of this.#routers) {
      const { tenants } = await router.budgets();
      const { reserved, posted: spent } = tenants["default"] ?? {};
      if (reserved?.tokens !== 0 || reserved.parallel !== 0) found.push(`held: ${JSON.stringify(reserved)}`);
      posted += spent?.tokens ?? 0;
    }
    // Where a client cannot know what became of a run, it has no bill for it.
    if (this.#told.some(({ ends: [end] }) => end !== "final")) return;
    const billed = this.#told.reduce((sum, { run }) => sum + (run.usage?.tokens ?? 0), 0);
    if (billed !== posted) found.push(`billed ${billed}, spent ${posted}`);
    const calls = this.#adapters.reduce((sum, adapter) => sum + adapter.calls.length, 0);
    if (calls !== this.#told.length) found.push(`${calls} calls for ${this.#told.length} runs`);
  }

  result(): ScheduleResult {
    return {
      seed: this.#seed,
      violations: this.#violations,
      trace: this.#trace.digest("hex"),
      runs: this.#told.length,
      faults: this.#faults,
      resumed: this.#told.reduce((sum, { resumed }) => sum + resumed, 0),
      gaps: this.#told.reduce((sum, { gaps }) => sum + gaps, 0),
    };
  }
}

/** What a run asks its adapter to say. */
interface Asked {
  readonly nth: number;
  readonly count: number;
  readonly bytes: number;
  readonly stepMs: number;
}

function wordsOf({ nth, count, bytes }: Asked): string[] {
  return Array.from({ length: count }, (_, i) => `${nth}.${i};`.padEnd((bytes * (1 + (i % 3))) / 2, "·"));
}
