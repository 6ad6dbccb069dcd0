import type { AdapterFinal, AdapterHealth, Chunk, Estimate, Failure, Ms, Usage } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { AdapterPort, Clock, LegSink, StreamCall } from "../ports/index.js";

/** One thing a scripted adapter does. */
export type ScriptStep =
  | { readonly afterMs?: Ms; readonly text: string; readonly usage?: Partial<Usage>; readonly confidence?: number }
  | { readonly afterMs?: Ms; readonly final: Partial<AdapterFinal> }
  | { readonly afterMs?: Ms; readonly fail: Partial<Failure> }
  /** Never answers; only a cancel or the deadline ends it. */
  | { readonly stall: true };

/** What a scripted adapter says. */
export interface AdapterScript {
  readonly id: string;
  readonly estimate?:
    | Partial<Estimate>
    | ((call: { readonly promptJson: string }) => Partial<Estimate>)
    | { readonly fail: Partial<Failure> };
  readonly estimateMs?: Ms;
  /** The steps of a call; a function may answer each call differently. */
  readonly answer: readonly ScriptStep[] | ((call: StreamCall, nth: number) => readonly ScriptStep[]);
  readonly health?: Partial<AdapterHealth> | { readonly fail: Partial<Failure> };
}

/** An adapter of a script, and what was asked of it. */
export interface ScriptedAdapter extends AdapterPort {
  /** Calls of `open` in order. */
  readonly calls: readonly StreamCall[];
  /** Reasons of the cancels that reached it. */
  readonly cancels: readonly string[];
  readonly estimates: number;
  /** Calls that have not ended. */
  readonly running: number;
}

const noUsage: Usage = { inTokens: 0, outTokens: 0, usdMicros: 0 };

function failureOf(fail: Partial<Failure>): Failure {
  return { kind: "unavailable", message: "scripted failure", sent: true, ...fail };
}

/** An adapter in memory that follows a script on a clock. It honours demand and cancel as AdapterPort asks. */
export function scriptedAdapter(clock: Clock, script: AdapterScript): ScriptedAdapter {
  const calls: StreamCall[] = [];
  const cancels: string[] = [];
  let estimates = 0;
  let running = 0;

  function later<T>(ms: Ms, value: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      clock.at(clock.now() + ms, () => {
        try {
          resolve(value());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  return {
    id: script.id,
    configured: { name: script.id },
    calls,
    cancels,
    get estimates() {
      return estimates;
    },
    get running() {
      return running;
    },
    estimate(call, { deadlineAt }) {
      estimates++;
      const estimateMs = script.estimateMs ?? 1;
      const leftMs = deadlineAt - clock.now();
      return later(Math.min(estimateMs, leftMs), () => {
        if (estimateMs > leftMs)
          throw new AdapterFailure({ kind: "timeout", message: "no estimate in time", sent: false });
        const given = typeof script.estimate === "function" ? script.estimate(call) : (script.estimate ?? {});
        if ("fail" in given) throw new AdapterFailure(failureOf(given.fail));
        return {
          inTokens: 10,
          outTokens: 20,
          usdMicros: 100,
          varianceTokens: 0,
          varianceUsd: 0,
          confidence: 0.8,
          cancelsCleanly: false,
          assumptions: [],
          ...given,
        };
      });
    },
    open(call, sink) {
      calls.push(call);
      running++;
      const steps = typeof script.answer === "function" ? script.answer(call, calls.length - 1) : script.answer;
      return play(clock, steps, call.deadlineAt, sink, () => running--, cancels);
    },
    health: () =>
      later(1, () => {
        const given = script.health ?? {};
        if ("fail" in given) throw new AdapterFailure(failureOf(given.fail));
        return { status: "READY", p95Ms: 10, errorRate: 0, info: { name: script.id }, ...given };
      }),
    close: () => undefined,
  };
}

function play(
  clock: Clock,
  steps: readonly ScriptStep[],
  deadlineAt: Ms,
  sink: LegSink,
  done: () => void,
  cancels: string[],
): ReturnType<AdapterPort["open"]> {
  let index = 0;
  let demand = 0;
  let ended = false;
  let stop: (() => void) | undefined;
  const stopDeadline = clock.at(deadlineAt, () =>
    end({ failure: { kind: "timeout", message: "deadline", sent: true } }),
  );

  function end(result: Parameters<LegSink["end"]>[0]): void {
    if (ended) return;
    ended = true;
    stop?.();
    stopDeadline();
    done();
    sink.end(result);
  }

  function schedule(): void {
    const step = steps[index];
    if (ended || stop !== undefined) return;
    if (step === undefined) {
      end({ failure: { kind: "protocol", message: "the stream ended without a final", sent: true } });
      return;
    }
    if ("stall" in step || ("text" in step && demand <= 0)) return;
    stop = clock.at(clock.now() + (step.afterMs ?? 0), () => {
      stop = undefined;
      index++;
      perform(step);
      schedule();
    });
  }

  function perform(step: Exclude<ScriptStep, { stall: true }>): void {
    if ("text" in step) {
      demand--;
      const chunk: Chunk = {
        text: step.text,
        usage: { ...noUsage, ...step.usage },
        ...(step.confidence === undefined ? {} : { confidence: step.confidence }),
      };
      sink.chunk(chunk);
    } else if ("final" in step) {
      end({ final: { evidence: [], usage: noUsage, ...step.final } });
    } else {
      end({ failure: failureOf(step.fail) });
    }
  }

  schedule();
  return {
    demand(n) {
      demand += n;
      schedule();
    },
    cancel(reason) {
      if (ended) return;
      cancels.push(reason);
      end({ failure: { kind: "cancelled", message: reason, sent: true } });
    },
  };
}
