/** An adapter in virtual time whose every call has a known length. */
import type { AdapterPort, LegSink, StreamCall } from "atp-router-core";
import type { VirtualClock } from "atp-router-core/testing";
import type { Call } from "./load-calls.js";

/** Tokens a second of each call, and of each piece. */
const SPEED = 400;
const PIECE = 40;

/** The adapter, and what is true of its calls whatever anybody was told. */
export interface Model {
  readonly port: AdapterPort;
  /** Calls that run now: only these will still cost something. */
  readonly running: ReadonlySet<number>;
  /** Tokens that each started call has put out. */
  readonly said: ReadonlyMap<number, number>;
}

/** Which request a call is for: its prompt is its number. */
function nthOf(promptJson: string): number {
  return Number((JSON.parse(promptJson) as { prompt: string }).prompt);
}

/** A model that says what it costs in advance, within its error, and puts out pieces as it goes. */
export function createModel(clock: VirtualClock, calls: readonly Call[], cancelsCleanly: boolean): Model {
  const running = new Set<number>();
  const said = new Map<number, number>();

  function open(
    { promptJson, maxOutputTokens, deadlineAt }: StreamCall,
    sink: LegSink,
  ): ReturnType<AdapterPort["open"]> {
    const nth = nthOf(promptJson);
    const length = Math.min((calls[nth] as Call).cost, maxOutputTokens);
    let demand = 0;
    let stop: (() => void) | undefined;
    running.add(nth);
    said.set(nth, 0);
    const stopDeadline = clock.at(deadlineAt, () => fail("timeout", "deadline"));

    function over(): void {
      running.delete(nth);
      stop?.();
      stopDeadline();
    }

    function fail(kind: "timeout" | "cancelled", message: string): void {
      if (!running.has(nth)) return;
      over();
      sink.end({ failure: { kind, message, sent: true } });
    }

    function go(): void {
      if (stop !== undefined || demand === 0 || !running.has(nth)) return;
      const outTokens = Math.min(PIECE, length - (said.get(nth) ?? 0));
      stop = clock.at(clock.now() + (outTokens / SPEED) * 1_000, () => {
        stop = undefined;
        demand--;
        said.set(nth, (said.get(nth) ?? 0) + outTokens);
        sink.chunk({ text: ".", usage: { inTokens: 0, outTokens, usdMicros: outTokens } });
        if (!running.has(nth)) return;
        if ((said.get(nth) ?? 0) < length) go();
        else {
          over();
          sink.end({ final: { evidence: [], usage: { inTokens: 0, outTokens: 0, usdMicros: 0 } } });
        }
      });
    }

    return {
      demand(n) {
        demand += n;
        go();
      },
      cancel: (reason) => fail("cancelled", reason),
    };
  }

  const port: AdapterPort = {
    id: "model",
    configured: { name: "model", price: { inPerMtok: 0, outPerMtok: 1_000_000 } },
    async estimate({ promptJson }) {
      const { quoted } = calls[nthOf(promptJson)] as Call;
      return {
        inTokens: 0,
        outTokens: quoted,
        usdMicros: quoted,
        varianceTokens: 0,
        varianceUsd: 0,
        confidence: 0.9,
        cancelsCleanly,
        assumptions: [],
      };
    },
    open,
    health: async () => ({ status: "READY", p95Ms: 10, errorRate: 0, info: {} }),
    close: () => undefined,
  };
  return { port, running, said };
}
