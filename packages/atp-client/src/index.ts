/**
 * A client of ATP routers for Node and browsers: streams as async iterables, one answer and its bill.
 * @packageDocumentation
 */
export { createClient } from "./client.js";
export type { AtpClient, ClientListeners, FrameEvent } from "./client.js";
export type { ClientOptions, ClientState, StreamOptions, TokenSource } from "./options.js";
export type { RetryOptions } from "./backoff.js";
export type { AtpRun, RunListeners, RunWindow } from "./run.js";
export type { FinalResult, PartialEvent, RunEvent } from "./run-events.js";
export type { PlanCall, PlanCandidate, PlanContent, PlanEstimate } from "./plan.js";
export { AtpLocalError, isAtpLocalError } from "./errors.js";
export type { AtpLocalErrorOptions, LocalErrorCode } from "./errors.js";
export type { ClientClock, ClientLogger, ClientSocket, SocketFactory, WakeSource } from "./ports.js";
// What a program catches and names when it uses this package alone.
export { AtpError, isAtpError } from "atp-protocol";
export type {
  ConsensusContent,
  ErrorCode,
  Evidence,
  Frame,
  Meta,
  Qos,
  RequestContent,
  Strategy,
  Telemetry,
  Window,
} from "atp-protocol";
