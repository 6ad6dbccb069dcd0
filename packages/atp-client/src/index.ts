/**
 * A client of ATP routers for Node and browsers: streams as async iterables, one answer and its bill.
 * @packageDocumentation
 */
export { createClient } from "./client.js";
export type { AtpClient, ClientListeners, FrameEvent } from "./client.js";
export type { ClientOptions, ClientState, StreamOptions, TokenSource } from "./options.js";
export type { RetryOptions } from "./backoff.js";
export type { ThrottleOptions } from "./throttle.js";
export type { AtpRun, Feedback, RunListeners, RunRef, RunWindow } from "./run.js";
export type { FinalResult, PartialEvent, RunEvent } from "./run-events.js";
export type { PlanCall, PlanCandidate, PlanContent, PlanEstimate } from "./plan.js";
export {
  AtpCancelError,
  AtpDropError,
  AtpLocalError,
  isAtpCancelError,
  isAtpDropError,
  isAtpLocalError,
} from "./errors.js";
export type { AtpLocalErrorOptions, LocalErrorCode } from "./errors.js";
export type { ClientClock, ClientLogger, ClientSocket, SocketFactory, WakeSource, WireCodec } from "./ports.js";
// What a program catches and names when it uses this package alone.
export { AtpError, isAtpError } from "atp-protocol";
export type {
  ChatMessage,
  ConsensusContent,
  ErrorCode,
  Evidence,
  Frame,
  Meta,
  Qos,
  RequestContent,
  Strategy,
  StatusContent,
  Telemetry,
  WelcomeContent,
  Window,
} from "atp-protocol";
