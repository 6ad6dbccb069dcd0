import { fit } from "./text.js";

/** Where the demo writes: a terminal or a pipe. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const FRAME_MS = 40;

/**
 * Lines that stay, and below them a region that is drawn anew. On a pipe there is no region: what stays is all there is.
 */
export class Screen {
  readonly #out: Output;
  readonly live: boolean;
  #painted = 0;
  #draw: (() => readonly string[]) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(out: Output) {
    this.#out = out;
    this.live = out.isTTY === true;
  }

  /** Columns of the terminal now. */
  get columns(): number {
    return this.#out.columns ?? 80;
  }

  /** Lines that the region may take. */
  get room(): number {
    return Math.max(4, (this.#out.rows ?? 24) - 3);
  }

  /** Writes lines that stay, above the region. */
  print(...lines: readonly string[]): void {
    this.#write(`${this.#erased()}${lines.map((line) => `${line}\n`).join("")}`);
    this.#paint();
  }

  /** Shows a region until {@link Screen.settle}; `draw` is asked for its lines many times a second. */
  animate(draw: () => readonly string[]): void {
    if (!this.live) return;
    this.#draw = draw;
    this.#write(HIDE_CURSOR);
    this.#timer ??= setInterval(() => {
      this.#write(this.#erased());
      this.#paint();
    }, FRAME_MS);
    this.#paint();
  }

  /** Takes the region away. */
  settle(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#draw === undefined) return;
    this.#draw = undefined;
    this.#write(this.#erased() + SHOW_CURSOR);
  }

  #paint(): void {
    const lines = this.#draw?.() ?? [];
    if (lines.length === 0) return;
    // A line that the terminal breaks in two would take more rows than are cleared.
    this.#write(lines.map((line) => `${fit(line, this.columns)}\n`).join(""));
    this.#painted = lines.length;
  }

  /** What moves the cursor to where the region began and clears from there. */
  #erased(): string {
    const lines = this.#painted;
    this.#painted = 0;
    return lines === 0 ? "" : `\u001b[${lines}A\u001b[0J`;
  }

  #write(text: string): void {
    if (text !== "") this.#out.write(text);
  }
}
