/** The life of one stream, as a pure machine. */
export type {
  LimitSources,
  OuterScope,
  RedactedPrompt,
  RouterOwn,
  StreamArtifact,
  StreamEffect,
  StreamEnd,
  StreamEvent,
  StreamKey,
  StreamOpening,
  TimerName,
  Weighing,
} from "./events.js";
export type { StreamState } from "./state.js";
export { openStream, stepStream } from "./step.js";
