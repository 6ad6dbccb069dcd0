import type { FinalResult, PlanContent, RunEvent, AtpRun, Telemetry, Window } from "../index.js";

/** Where a run stands, as a component shows it. */
export type RunStatus =
  /** Nothing was asked. */
  | "idle"
  /** Asked, and not accepted by the router yet. */
  | "connecting"
  | "streaming"
  | "done"
  /** Ended by a refusal or a lost connection; see `error`. */
  | "failed"
  | "cancelled"
  /** Let go by `detach()`; it goes on at the router. */
  | "detached";

/** What a component sees of a run. A new object whenever something changed, at most once in `throttleMs`. */
export interface RunView {
  readonly status: RunStatus;
  /** The answer once there is one, else the text of the adapter that has said most. Text: never put it into a page as markup. */
  readonly text: string;
  /** The text so far, by adapter; clones past the first are `name#1`. */
  readonly texts: Readonly<Record<string, string>>;
  readonly plan: PlanContent | undefined;
  /** A consensus that may still change. */
  readonly provisional: Extract<RunEvent, { readonly type: "provisional" }> | undefined;
  readonly ceilings: Window;
  readonly left: Window | undefined;
  readonly final: FinalResult | undefined;
  /** The bill, once the run has ended; also of a refusal. */
  readonly usage: Telemetry | undefined;
  readonly error: Error | undefined;
  /** How often the connection was lost and the run went on whole, and how often pieces were lost. */
  readonly resumed: number;
  readonly gaps: number;
}

/** Before anything is asked, and on a server. */
export const idleView: RunView = {
  status: "idle",
  text: "",
  texts: {},
  plan: undefined,
  provisional: undefined,
  ceilings: {},
  left: undefined,
  final: undefined,
  usage: undefined,
  error: undefined,
  resumed: 0,
  gaps: 0,
};

const watched = ["accept", "plan", "partial", "provisional", "window", "resumed", "gap", "final"] as const;

/** One run for `useSyncExternalStore`: it gathers events and tells of them at most once in a time. */
export class RunStore {
  readonly #throttleMs: number;
  readonly #listeners = new Set<() => void>();
  #run: AtpRun | null = null;
  #view: RunView = idleView;
  /** Changes that no component was told of yet. */
  #pending: Partial<RunView> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: () => void = () => undefined;

  constructor(throttleMs: number) {
    this.#throttleMs = throttleMs;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  readonly view = (): RunView => this.#view;

  get run(): AtpRun | null {
    return this.#run;
  }

  /** Shows another run, or none. The one before it is left alone. */
  show(run: AtpRun | null): void {
    this.#unwatch();
    this.#run = run;
    this.#pending = null;
    this.#publish(run === null ? idleView : { ...idleView, status: "connecting", ceilings: run.window.ceilings });
    if (run === null) return;
    const hear = (event: RunEvent): void => {
      this.#heard(run, event);
    };
    for (const type of watched) run.on(type, hear);
    let isOver = false;
    this.#unwatch = () => {
      isOver = true;
      for (const type of watched) run.off(type, hear);
    };
    run.final().then(
      (final) => {
        if (!isOver) this.#ended(run, { status: "done", text: final.answer, final });
      },
      (error: unknown) => {
        if (!isOver) this.#ended(run, { status: statusOf(error), error: error as Error });
      },
    );
  }

  #heard(run: AtpRun, event: RunEvent): void {
    const now = { ...this.#view, ...this.#pending };
    const { ceilings, left } = run.window;
    if (event.type === "partial") this.#later({ status: "streaming", texts: NEWEST });
    else if (event.type === "plan") this.#later({ plan: event.plan });
    else if (event.type === "provisional") this.#later({ provisional: event });
    else if (event.type === "resumed") this.#later({ resumed: now.resumed + 1 });
    else if (event.type === "gap") this.#later({ gaps: now.gaps + 1 });
    else if (event.type === "window") this.#later({ ceilings, left });
    else if (event.type === "accept") this.#later({ status: "streaming", ceilings });
  }

  #ended(run: AtpRun, end: Partial<RunView>): void {
    this.#settle(run);
    const { ceilings, left } = run.window;
    this.#publish({ ...this.#view, ceilings, left, ...end, usage: run.usage });
    this.#unwatch();
  }

  #later(change: Partial<RunView>): void {
    this.#pending = { ...this.#pending, ...change };
    // A timer alone, no first call at once: the first pieces of several adapters come together.
    this.#timer ??= setTimeout(() => {
      if (this.#run !== null) this.#settle(this.#run);
      this.#publish(this.#view);
    }, this.#throttleMs);
  }

  /** Takes what is pending into the view, without telling. */
  #settle(run: AtpRun): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === null) return;
    const { texts, ...rest } = this.#pending;
    this.#pending = null;
    const said = texts === undefined ? {} : { texts: Object.fromEntries(run.text), text: longest(run.text.values()) };
    this.#view = { ...this.#view, ...rest, ...said };
  }

  #publish(view: RunView): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }
}

/** Stands for texts that are read from the run when they are shown: joining them for each piece would cost too much. */
const NEWEST: Readonly<Record<string, string>> = {};

function longest(texts: Iterable<string>): string {
  let best = "";
  for (const text of texts) if (text.length > best.length) best = text;
  return best;
}

function statusOf(error: unknown): RunStatus {
  const code = (error as { readonly code?: unknown }).code;
  if (code === "EABORT") return "cancelled";
  return code === "EDETACHED" ? "detached" : "failed";
}
