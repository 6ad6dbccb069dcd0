import type { Payload, Qos, StreamRef, Window } from "atp-protocol";
import type { RouterEvent } from "../router/index.js";
import type { StreamEnd, StreamKey, TimerName } from "../stream/index.js";
import type { Lane, Task } from "../model/index.js";
import type { LegHandle, StreamTrace, TracingPort } from "../ports/index.js";

/** Where a stream's output goes: a connection, or the answer of a dry run. */
export interface StreamOutput {
  accept(ref: StreamRef, qos: Qos, window: Window): void;
  send(ref: StreamRef, payload: Payload, mergeKey: string | undefined): void;
  control(ref: StreamRef, payload: Payload): void;
  end(ref: StreamRef, end: StreamEnd): void;
  explained(content: Readonly<Record<string, unknown>>): void;
}

/** What the runtime keeps of a running stream: promises, handles and timers, which have no place in the pure rooms. */
export interface StreamHost {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  /** Changes when the stream parts from its session. */
  output: StreamOutput;
  /** The session whose ceilings it spends under. */
  readonly scope: string;
  readonly tenant: string;
  readonly qos: Qos;
  readonly task: Task;
  /** The session's name for adapters: random, so that it tells nothing of the client's own ids (B.5). */
  readonly session: string;
  /** What names of this stream's calls begin with: random, for the same reason (B.7). */
  readonly callPrefix: string;
  readonly traceparent: string | undefined;
  /** Follows it, when traces are on. */
  readonly trace: StreamTrace | undefined;
  /** Policy forbids that its data reaches a log. */
  unlogged: boolean;
  readonly timers: Partial<Record<TimerName, () => void>>;
  /** By leg; null while the call is on its way. */
  readonly legs: Map<number, LegSlot>;
  /** Holds of which the ledger knows that their calls leave. */
  readonly leaving: Set<string>;
}

/** Follows a stream, when traces are on. */
export function traceOf(
  tracing: TracingPort | undefined,
  key: StreamKey,
  { taskType, strategy, promptJson, trace }: Task,
  tenant: string,
  qos: Lane,
): StreamTrace | undefined {
  return tracing?.stream({ key, tenant, qos, taskType, strategy, promptJson, ...trace });
}

/** The host of a stream that begins. */
export function newHost(
  { key, ref, session: of }: { readonly key: StreamKey; readonly ref: StreamRef; readonly session: string },
  task: Task,
  tenant: string,
  qos: Qos,
  more: Pick<StreamHost, "output" | "session" | "callPrefix" | "trace">,
): StreamHost {
  const traceparent = task.trace?.traceparent;
  const begun = { unlogged: false, timers: {}, legs: new Map<number, LegSlot>(), leaving: new Set<string>() };
  return { key, ref, scope: `session:${of}`, tenant, qos, task, traceparent, ...begun, ...more };
}

/** A call as the runtime holds it. */
export interface LegSlot {
  handle: LegHandle | null;
  /** Demand that came before the handle. */
  demand: number;
  cancelled: boolean;
}

/** Hands an event to the router's machine. */
export type Emit = (event: RouterEvent) => void;
