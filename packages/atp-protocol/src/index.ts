/**
 * What travels between an ATP client and a router: frames, codec, endpoint.
 * Browser-safe; content schemas are at `atp-protocol/schema`, the adapter service at `atp-protocol/adapter`.
 * @packageDocumentation
 */
export { errorClasses } from "./frame/error-classes.js";
export { AtpError, isAtpError } from "./frame/errors.js";
export type { AtpErrorOptions, ErrorCode, ErrorContent, Processed, Retry } from "./frame/errors.js";
export { closeAction, closeCodes } from "./frame/close-codes.js";
export type { CloseAction } from "./frame/close-codes.js";
export { CONNECTION_STREAM, flags, hasFlag, MAX_UINT, qosClasses, strategies, WIRE_VERSION } from "./frame/frame.js";
export type { Credit, Flag, Frame, MemoryRequest, Meta, Payload, Qos, Strategy, Window } from "./frame/frame.js";
export { defaultLimits, payloadTypes } from "./frame/payload.js";
export type {
  AcceptContent,
  ChatMessage,
  ConsensusContent,
  ConsensusGroup,
  Evidence,
  FinalContent,
  HelloContent,
  PartialContent,
  PayloadType,
  RequestContent,
  StatusContent,
  WelcomeContent,
  WindowUpdateContent,
  WireLimits,
} from "./frame/payload.js";
export { decodeFrame, encodeFrame } from "./codec/json.js";
export { encodeRouterFrame } from "./codec/router-json.js";
export type { Decoded, DecodeLimits } from "./codec/json.js";
export { utf8Length } from "./codec/text.js";
export type { AdapterOutcome, AdapterTelemetry, Telemetry } from "./frame/telemetry.js";
export { createClientEndpoint } from "./endpoint/client-endpoint.js";
export { createEndpoint } from "./endpoint/endpoint.js";
export { createRouterEndpoint } from "./endpoint/router-endpoint.js";
export { fragmentation } from "./endpoint/fragmentation.js";
export type { Fragmentation } from "./endpoint/role.js";
export type {
  ClientEndpoint,
  Encoded,
  Endpoint,
  EndpointConfig,
  EndpointEffect,
  EndpointEvent,
  FrameRefusal,
  Grant,
  OutMessage,
  Role,
  KeptMessage,
  LostStream,
  StreamParcel,
  StreamRef,
} from "./endpoint/types.js";
