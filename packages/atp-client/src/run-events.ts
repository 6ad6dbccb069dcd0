import { AtpError } from "atp-protocol";
import type {
  AcceptContent,
  ConsensusContent,
  ErrorContent,
  FinalContent,
  Frame,
  PartialContent,
  Qos,
  StatusContent,
  Telemetry,
  Window,
  WindowUpdateContent,
} from "atp-protocol";
import { readPlan } from "./plan.js";
import type { PlanContent } from "./plan.js";

/** The next piece of one adapter's answer. Advisory: the final is complete by itself. */
export interface PartialEvent {
  readonly type: "partial";
  readonly adapter: string;
  /** Which clone of the adapter, from 0. */
  readonly sample: number;
  /** Index of this piece in the adapter's answer, from 0. */
  readonly chunk: number;
  /** A higher attempt voids the adapter's earlier text. */
  readonly attempt: number;
  /** The piece; empty when the adapter sent something else than text: it is in `frame.payload.content`. */
  readonly text: string;
  readonly confidence?: number;
  /** The frame it came in. Of pieces that were joined because nobody read them: the newest. */
  readonly frame: Frame;
}

/** The answer that ends a run. */
export interface FinalResult {
  readonly ok: boolean;
  readonly answer: string;
  /** The adapter whose answer it is. */
  readonly adapter?: string;
  /** How the answer came about; absent from a minimal router. */
  readonly consensus?: ConsensusContent;
  /** The bill. */
  readonly telemetry?: Telemetry;
  readonly frame: Frame;
}

/** What a run yields, in the router's order. The last one is `final`; a run without it throws. */
export type RunEvent =
  | { readonly type: "accept"; readonly qos: Qos; readonly window: Window }
  | { readonly type: "plan"; readonly plan: PlanContent; readonly frame: Frame }
  | PartialEvent
  /** A consensus that may still change. */
  | {
      readonly type: "provisional";
      readonly answer: string;
      readonly confidence?: number;
      readonly content: unknown;
      readonly frame: Frame;
    }
  | { readonly type: "question"; readonly content: unknown; readonly frame: Frame }
  | { readonly type: "log"; readonly content: unknown; readonly frame: Frame }
  /** Ceilings or what is left of them moved. */
  | { readonly type: "window"; readonly window: Window; readonly left?: Window; readonly frame: Frame }
  | { readonly type: "status"; readonly status: StatusContent; readonly frame: Frame }
  /** Something went wrong that does not end the run. */
  | { readonly type: "warning"; readonly error: AtpError; readonly frame: Frame }
  /** The connection was lost and is back, and nothing of this run is missing. `finished`: its end follows. */
  | { readonly type: "resumed"; readonly state: "live" | "finished" }
  /** The connection is back, and pieces are lost: what follows voids the text so far, by a higher attempt or by the end. */
  | { readonly type: "gap" }
  | ({ readonly type: "final" } & FinalResult)
  /** A payload type that this client does not know. */
  | { readonly type: "other"; readonly frame: Frame };

/** The event of an accepted stream. */
export function acceptEvent(content: AcceptContent): RunEvent {
  return { type: "accept", qos: content.qos, window: content.window };
}

/** Turns a frame of a stream, but its end, into an event. Content of the wrong shape becomes `other`. */
export function toRunEvent(frame: Frame): RunEvent {
  return eventOf(frame) ?? { type: "other", frame };
}

function eventOf(frame: Frame): RunEvent | null {
  const payload = frame.payload;
  if (payload === undefined || !isObject(payload.content)) return null;
  const { confidence } = payload;
  if (payload.type === "agent.result.partial") {
    const event = partialEvent(payload.content as unknown as PartialContent, frame);
    return event === null || confidence === undefined ? event : { ...event, confidence };
  }
  const sure = confidence === undefined ? {} : { confidence };
  switch (payload.type) {
    case "agent.result.provisional": {
      const answer = payload.content["answer"];
      return {
        type: "provisional",
        answer: typeof answer === "string" ? answer : "",
        ...sure,
        content: payload.content,
        frame,
      };
    }
    case "agent.question":
      return { type: "question", content: payload.content, frame };
    case "agent.log":
      return { type: "log", content: payload.content, frame };
    case "control.plan": {
      const plan = readPlan(payload.content);
      return plan === null ? null : { type: "plan", plan, frame };
    }
    case "control.window_update": {
      const { window, left } = payload.content as unknown as WindowUpdateContent;
      return isObject(window) ? { type: "window", window, ...(isObject(left) ? { left } : {}), frame } : null;
    }
    case "control.status":
      return { type: "status", status: payload.content as unknown as StatusContent, frame };
    case "error":
      return {
        type: "warning",
        error: readError(payload.content) ?? new AtpError("EINTERNAL", "The router sent an error without a code."),
        frame,
      };
    default:
      return null;
  }
}

function partialEvent(content: PartialContent, frame: Frame): PartialEvent | null {
  const { adapter, chunk, attempt, sample, text } = content as Partial<PartialContent>;
  if (typeof adapter !== "string") return null;
  return {
    type: "partial",
    adapter,
    sample: typeof sample === "number" ? sample : 0,
    chunk: typeof chunk === "number" ? chunk : 0,
    attempt: typeof attempt === "number" ? attempt : 0,
    text: typeof text === "string" ? text : "",
    frame,
  };
}

/** How one stream stands after a resume. */
export interface ResumedState {
  readonly stream_id: string;
  readonly state: string;
}

/** Reads `control.resumed`, whose shape the endpoint has checked. */
export function readResumed(content: unknown): readonly ResumedState[] {
  return (content as { readonly streams: readonly ResumedState[] }).streams;
}

/** Reads a FIN. Null when it carries no answer (A4.3 asks for `ok` and `answer`). */
export function readFinal(frame: Frame): FinalResult | null {
  const content = frame.payload?.content;
  if (frame.payload?.type !== "agent.result.final" || !isObject(content)) return null;
  const { ok, answer, adapter, consensus } = content as unknown as Partial<FinalContent>;
  if (typeof ok !== "boolean" || typeof answer !== "string") return null;
  return {
    ok,
    answer,
    ...(typeof adapter === "string" ? { adapter } : {}),
    ...(isObject(consensus) ? { consensus } : {}),
    ...(frame.telemetry === undefined ? {} : { telemetry: frame.telemetry }),
    frame,
  };
}

/** Reads an error's content. Null when it is none. */
export function readError(content: unknown): AtpError | null {
  if (!isObject(content) || typeof content["code"] !== "string") return null;
  const { message, processed } = content;
  return AtpError.fromContent({
    ...(content as unknown as ErrorContent),
    message: typeof message === "string" ? message : "The router gave no reason.",
    processed: processed === "no" || processed === "yes" ? processed : "maybe",
  });
}

function isObject<T>(value: T): value is T & Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
