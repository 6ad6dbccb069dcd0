/**
 * Write an adapter as an async generator, serve it over gRPC.
 * @packageDocumentation
 */
export { defineAdapter } from "./define-adapter.js";
export { serveAdapter } from "./serve.js";
export type { ServedAdapter, ServeOptions, ServeTls } from "./serve.js";
export { OpenDoorError, sharedToken } from "./authorize.js";
export type { Authorize, Caller } from "./authorize.js";
export { ConfigError, integerSetting, readProcessConfig, runAdapter, runAdapters, setting } from "./run.js";
export type { AdapterAtPort, Environment, ProcessConfig } from "./run.js";
export { AdapterError, adapterErrorCodes, isAdapterError } from "./errors.js";
export type { AdapterErrorCode, AdapterErrorOptions } from "./errors.js";
export { defaultEstimate } from "./estimate.js";
export { estimateTokens, priceOf } from "./tokens.js";
export { jsonLogger, logLevels, silentLogger } from "./logger.js";
export type { JsonLoggerOptions, Logger, LogLevel } from "./logger.js";
export type { AdapterRequest, CallMetadata, RequestMessage } from "./request.js";
export type {
  Adapter,
  AdapterDefinition,
  AdapterEstimate,
  AdapterHealth,
  EstimateCall,
  EvidenceItem,
  FinalPart,
  PartStream,
  Prices,
  StreamCall,
  StreamPart,
  Usage,
} from "./types.js";
