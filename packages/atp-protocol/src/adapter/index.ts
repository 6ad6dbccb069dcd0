/**
 * The adapter service of part B: generated messages and the service descriptor.
 * @packageDocumentation
 */
export * from "./gen/atp/adapter/v1/adapter_pb.js";
