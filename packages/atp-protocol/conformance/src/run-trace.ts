import { frameOf, helloFrame, type Seen, welcomeFrame } from "./frames.js";
import type { Line } from "./line.js";
import { filled, mismatch } from "./match.js";
import { ClientObserver } from "./observe-client.js";
import { RouterObserver } from "./observe-router.js";
import { Failure, Skip } from "./result.js";
import type { Output } from "./testee/protocol.js";
import { kindOf, pointed, type Step, type Trace, USUALLY_SKIPPED } from "./trace-data.js";
import type { Bag } from "./vector-data.js";

/** How a trace is run. */
export interface TraceOptions {
  /** A real router: its program and its clock cannot be commanded. */
  readonly live: boolean;
  /** The token of HELLO, for a router that asks for one. */
  readonly token?: string | undefined;
}

/** Runs one trace on a line. @throws Failure where the side does not do what the trace and the rules of all frames ask. */
export async function runTrace(trace: Trace, line: Line, options: TraceOptions): Promise<void> {
  const run = new TraceRun(trace, line, options);
  await run.begin();
  for (const [index, step] of trace.steps.entries()) {
    for (let i = 0; i < (step.times ?? 1); i++) {
      try {
        await run.step(step, i);
      } catch (error) {
        if (error instanceof Failure) throw new Failure(`step ${index + 1}: ${error.message}`);
        throw error;
      }
    }
  }
  await run.finish();
}

class TraceRun {
  readonly #saved = new Map<string, unknown>();
  /** One for each socket; a socket that resumes the session of another takes its observer. */
  readonly #observers = new Map<number, RouterObserver | ClientObserver>();
  readonly #told: Extract<Output, { readonly told: string }>[] = [];

  constructor(
    readonly trace: Trace,
    readonly line: Line,
    readonly options: TraceOptions,
  ) {}

  async begin(): Promise<void> {
    const { begin = "hello", capabilities = [], side, start } = this.trace;
    if (begin === "nothing") return;
    await this.#connect(1, {});
    if (begin === "naive") return;
    if (side === "client") {
      const hello = { stream_id: "0", flags: ["CTRL"], payload: { type: "control.hello" } };
      await this.#expect(1, hello, [], {});
      await this.#send(1, JSON.stringify(welcomeFrame(capabilities, (start?.["welcome"] ?? {}) as Bag)));
      return;
    }
    await this.#send(1, JSON.stringify(helloFrame(capabilities, this.options.token)));
    const save = { token: "/payload/content/resume_token", epoch: "/payload/content/epoch" };
    const frame = await this.#expect(1, { payload: { type: "control.welcome" } }, [], save);
    const announced = (frame.payload?.content?.["capabilities"] ?? []) as readonly string[];
    const missing = capabilities.find((name) => !announced.includes(name));
    if (missing !== undefined) throw new Skip(`the router does not announce ${missing}`);
  }

  async step(step: Step, i: number): Promise<void> {
    this.#saved.set("i", i);
    const { live } = this.options;
    const { socket = 1 } = step;
    const skip = step.skip ?? this.trace.skip ?? USUALLY_SKIPPED;
    if (step.connect !== undefined) await this.#connect(socket, step.connect);
    else if (step.send !== undefined)
      await this.#send(socket, JSON.stringify(frameOf(filled(step.send, this.#saved) as Bag)));
    else if (step.text !== undefined)
      await this.#send(socket, typeof step.text === "string" ? step.text : step.text.repeat.repeat(step.text.times));
    else if (step.bytes !== undefined) {
      const { opcode, hex, times = 1 } = step.bytes;
      await this.line.bytes(socket, opcode === "text" ? 1 : 2, Buffer.from(hex.repeat(times), "hex"));
    } else if (step.expect !== undefined) await this.#expect(socket, step.expect, skip, step.save ?? {});
    else if (step.until !== undefined) await this.#until(socket, step.until, step.save ?? {});
    else if (step.closed !== undefined) await this.#closed(socket, step.closed);
    else if (step.quiet !== undefined) await this.#quiet(socket, skip);
    else if (step.drop !== undefined) await this.line.drop(socket, step.drop);
    else if (step.advance !== undefined) await this.line.advance(step.advance);
    else if (live) return;
    // A live router's adapters speak by themselves, and its program tells nothing.
    else if (step.do !== undefined) await this.line.command(filled(step.do, this.#saved) as Bag & { op: string });
    else if (step.told !== undefined) await this.#news(step.told);
    else if (step.untold !== undefined) await this.#noNews(step.untold);
    else throw new Error("a step that says nothing");
  }

  /** What still comes must keep the rules of all frames too. */
  async finish(): Promise<void> {
    for (const socket of this.#observers.keys())
      for (const output of await this.line.rest(socket)) this.#read(socket, output);
  }

  async #connect(socket: number, options: Step["connect"] & object): Promise<void> {
    const from = options.resumes ?? socket;
    const observer =
      this.#observers.get(from) ?? (this.trace.side === "router" ? new RouterObserver() : new ClientObserver());
    this.#observers.delete(from);
    this.#observers.set(socket, observer);
    observer.connected();
    await this.line.connect(socket, options);
  }

  async #send(socket: number, text: string): Promise<void> {
    this.#observers.get(socket)?.sent(text);
    await this.line.send(socket, text);
  }

  /** Reads one output; frames go through the observer, news are kept for `told`. */
  #read(socket: number, output: Output): Seen | null {
    if ("told" in output) {
      this.#told.push(output);
      return null;
    }
    if (!("frame" in output)) return null;
    let frame: Seen;
    try {
      frame = JSON.parse(output.frame) as Seen;
    } catch {
      throw new Failure(`what was sent is not JSON: ${output.frame.slice(0, 80)}`, "A3.3-2");
    }
    this.#observers.get(socket)?.came(frame, output.frame);
    return frame;
  }

  /** The next frame, or the end of what comes. */
  async #nextFrame(socket: number, asked: unknown): Promise<Seen> {
    for (;;) {
      const output = await this.line.next(socket);
      if (output === null) throw new Failure(`nothing came where ${JSON.stringify(asked)} must`);
      if (!("told" in output) && "close" in output)
        throw new Failure(`closed with ${output.close} where ${JSON.stringify(asked)} must come`);
      const frame = this.#read(socket, output);
      if (frame !== null) return frame;
    }
  }

  async #expect(
    socket: number,
    pattern: Bag,
    skip: readonly string[],
    save: Readonly<Record<string, string>>,
  ): Promise<Seen> {
    for (;;) {
      const frame = await this.#nextFrame(socket, pattern);
      const found = mismatch(pattern, frame, this.#saved);
      if (found === null) {
        this.#save(frame, save);
        return frame;
      }
      if (!skip.includes(kindOf(frame))) throw new Failure(`${found}; it is ${JSON.stringify(frame).slice(0, 300)}`);
    }
  }

  async #until(socket: number, pattern: Bag, save: Readonly<Record<string, string>>): Promise<void> {
    for (;;) {
      const frame = await this.#nextFrame(socket, pattern);
      if (mismatch(pattern, frame, this.#saved) !== null) continue;
      this.#save(frame, save);
      return;
    }
  }

  #save(frame: Seen, save: Readonly<Record<string, string>>): void {
    for (const [name, pointer] of Object.entries(save)) {
      const value = pointed(frame, pointer);
      if (value !== undefined) this.#saved.set(name, value);
    }
  }

  async #closed(socket: number, codes: number | readonly number[]): Promise<void> {
    const asked = typeof codes === "number" ? [codes] : codes;
    for (;;) {
      const output = await this.line.next(socket);
      if (output === null)
        throw new Failure(`the socket stays open, where it must be closed with ${asked.join(" or ")}`);
      if ("told" in output || !("close" in output)) {
        this.#read(socket, output);
        continue;
      }
      if (!asked.includes(output.close)) throw new Failure(`closed with ${output.close}, not ${asked.join(" or ")}`);
      return;
    }
  }

  async #quiet(socket: number, skip: readonly string[]): Promise<void> {
    for (const output of await this.line.rest(socket)) {
      if (!("told" in output) && "close" in output)
        throw new Failure(`closed with ${output.close}, where nothing may happen`);
      const frame = this.#read(socket, output);
      if (frame !== null && !skip.includes(kindOf(frame)))
        throw new Failure(`${JSON.stringify(frame).slice(0, 300)} came where nothing may`);
    }
  }

  async #drainNews(): Promise<void> {
    const rest = await this.line.rest(1);
    const frames = rest.filter((output) => !("told" in output));
    for (const output of rest) if ("told" in output) this.#told.push(output);
    for (const output of frames.reverse()) this.line.unread(1, output);
  }

  async #news(pattern: Bag & { readonly told: string }): Promise<void> {
    await this.#drainNews();
    const index = this.#told.findIndex((news) => news.told === pattern.told);
    const news = this.#told[index];
    if (news === undefined) throw new Failure(`the testee's program was told no ${pattern.told}`);
    this.#told.splice(0, index + 1);
    const found = mismatch(pattern, news, this.#saved);
    if (found !== null) throw new Failure(`told: ${found}`);
  }

  async #noNews(name: string): Promise<void> {
    await this.#drainNews();
    if (this.#told.some((news) => news.told === name)) throw new Failure(`the testee's program was told ${name}`);
    this.#told.length = 0;
  }
}
