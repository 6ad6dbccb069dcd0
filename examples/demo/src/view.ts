import { performance } from "node:perf_hooks";
import type { FinalResult, RunEvent } from "atp-client";
import type { DemoArgs } from "./args.js";
import type { Asked } from "./ask.js";
import type { Checked } from "./citations.js";
import type { Started } from "./processes.js";
import { Screen } from "./screen.js";
import type { Output } from "./screen.js";
import { billLines, memoryLine, windowLines } from "./show-bill.js";
import { eventLine, liveLines, saidLines } from "./show-partials.js";
import { estimateLines, planLines, policyLines } from "./show-plan.js";
import { answerLines, consensusLines } from "./show-result.js";
import { stackNames } from "./stack.js";
import { adapterOrder, newStory, tell } from "./story.js";
import { count, duration, heading, money, pad, plainStyle, terminalStyle, wrap } from "./text.js";
import type { Style } from "./text.js";

const GO_ON = [
  ['npm run demo -- "What does a lane guarantee?"', "your own question"],
  ['npm run demo -- --json "How is a budget kept?"', "the frames themselves"],
] as const;

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

/** Shows the demo to a person: sections that stay, and what is still moving below them. */
export class View {
  readonly #screen: Screen;
  readonly #colours: boolean;
  readonly #story = newStory();
  readonly #started = new Map<string, Started>();
  readonly #began = performance.now();

  /** @param colours whether a terminal may be given colours; a pipe never is */
  constructor(out: Output, colours: boolean) {
    this.#screen = new Screen(out);
    this.#colours = colours;
  }

  get #style(): Style {
    return this.#screen.live ? terminalStyle(this.#screen.columns, this.#colours) : plainStyle();
  }

  /** The question, and what it is asked with. */
  opening(args: DemoArgs, asked: Asked): void {
    const style = this.#style;
    const { window } = asked;
    const ceilings = `${count(window.max_parallel ?? 0)} calls at once, ${count(window.max_tokens ?? 0)} tokens, ${money(window.max_usd_micros ?? 0)}`;
    this.#screen.print(
      "",
      `${style.paint("title", "ATP")}  one question, several adapters, one answer and its bill`,
      "",
      ...wrap(args.question, style.width - 12).map(
        (line, i) => `  ${i === 0 ? "question" : "        "}  ${style.paint("strong", line)}`,
      ),
      `  lane      ${args.qos}, strategy ${args.strategy}`,
      `  window    ${ceilings}`,
      "",
      heading("Stack", "its own processes on free loopback ports", style),
    );
    this.#screen.animate(() => stackNames.map((name) => this.#stackLine(name)));
  }

  started(started: Started): void {
    this.#started.set(started.name, started);
    if (!this.#screen.live) this.#screen.print(this.#stackLine(started.name));
  }

  #stackLine(name: string): string {
    const style = this.#style;
    const started = this.#started.get(name);
    if (started !== undefined) {
      const mark = style.drawn ? style.paint("good", "✔ ") : "";
      return `  ${mark}${pad(name, 18)} ${started.url}  ${style.paint("faint", duration(started.startedMs))}`;
    }
    const sinceMs = performance.now() - this.#began;
    const spin = SPINNER[Math.floor(sinceMs / 80) % SPINNER.length] ?? "";
    return `  ${style.paint("warn", spin)} ${pad(name, 18)} ${style.paint("faint", `starting, ${duration(sinceMs)}`)}`;
  }

  /** Everything is up: the stack stays on the screen as it is. */
  asking(): void {
    const lines = this.#screen.live ? stackNames.map((name) => this.#stackLine(name)) : [];
    this.#screen.settle();
    this.#screen.print(...lines, "");
  }

  event(event: RunEvent, atMs: number): void {
    tell(this.#story, event, atMs);
    if (event.type === "plan") {
      const style = this.#style;
      this.#screen.print(
        ...policyLines(event.plan, style),
        "",
        ...estimateLines(event.plan, style),
        "",
        ...planLines(event.plan, style),
        "",
      );
      this.#screen.animate(() => liveLines(this.#story, this.#style, this.#screen.room));
      return;
    }
    const line = eventLine(event, this.#style);
    // The region shows these while they move.
    const moving = event.type === "partial" || event.type === "provisional";
    if (line === undefined || (this.#screen.live && moving)) return;
    this.#screen.print(line);
  }

  /** The end: what was said, how it was weighed, the answer, the bill. */
  result(final: FinalResult, checked: readonly Checked[], asked: Asked, storedBytes: number | undefined): void {
    this.#screen.settle();
    const style = this.#style;
    const order = adapterOrder(this.#story.plan);
    const bill = final.telemetry;
    this.#screen.print(
      ...(this.#screen.live ? saidLines(this.#story, style) : []),
      "",
      ...consensusLines(final, checked, order, style),
      "",
      ...answerLines(final, order, style),
      ...(bill === undefined ? ["The router sent no bill."] : billLines(bill, order, style)),
      "",
      ...windowLines(asked.window, bill?.window_left ?? this.#story.left, style),
      "",
      heading("Shared memory", "", style),
      memoryLine(`${asked.namespace}/${asked.key}`, storedBytes, style),
      "",
    );
  }

  /** What to do next. */
  goOn(): void {
    const style = this.#style;
    this.#screen.print(
      heading("Go on", "", style),
      ...GO_ON.map(([command, about]) => `  ${style.paint("strong", pad(command, 50))} ${about}`),
      "",
    );
  }

  /** A line that stays: a warning, or why it ended. */
  say(role: "warn" | "bad" | "good", text: string): void {
    for (const line of text.split("\n")) this.#screen.print(this.#style.paint(role, line));
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#screen.settle();
  }
}
