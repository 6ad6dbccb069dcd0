/**
 * An adapter as a stranger writes it: gRPC's own server for Node, and only the fields 1 to 11 that every adapter fills.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { MethodDefinition, sendUnaryData, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamChunkSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import type { EstimateRequest, StreamRequest } from "atp-protocol/adapter";

type EstimateAnswer = MessageInitShape<typeof EstimateResponseSchema>;
type HealthAnswer = MessageInitShape<typeof HealthResponseSchema>;
type ChunkInit = MessageInitShape<typeof StreamChunkSchema>;

/** A running Stream call as its server sees it. */
export type StreamCallAtServer = ServerWritableStream<StreamRequest, ChunkInit>;

/** What the adapter does; a call without a handler is UNIMPLEMENTED. */
export interface Handlers {
  estimate?: (call: ServerUnaryCall<EstimateRequest, EstimateAnswer>, answer: sendUnaryData<EstimateAnswer>) => void;
  stream?: (call: StreamCallAtServer) => void;
  health?: (call: ServerUnaryCall<unknown, HealthAnswer>, answer: sendUnaryData<HealthAnswer>) => void;
}

/** A served adapter. */
export interface AdapterServer {
  readonly url: string;
  readonly port: number;
  /** Ends every connection at once. */
  kill(): void;
}

function method<I extends DescMessage, O extends DescMessage>(
  name: string,
  input: I,
  output: O,
  responseStream: boolean,
): MethodDefinition<MessageShape<I>, MessageInitShape<O>> {
  return {
    path: `/atp.adapter.v1.AdapterService/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (init) => Buffer.from(toBinary(output, create(output, init))),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

const definition = {
  estimate: method("Estimate", EstimateRequestSchema, EstimateResponseSchema, false),
  stream: method("Stream", StreamRequestSchema, StreamChunkSchema, true),
  health: method("Health", HealthRequestSchema, HealthResponseSchema, false),
};

const unimplemented = { code: status.UNIMPLEMENTED, details: "not here" };

/** Serves an adapter on a free loopback port, or on a given one. */
export async function serveHandlers(handlers: Handlers, port = 0): Promise<AdapterServer> {
  const server = new Server();
  server.addService(definition, {
    estimate: (call: ServerUnaryCall<EstimateRequest, EstimateAnswer>, answer: sendUnaryData<EstimateAnswer>) =>
      handlers.estimate === undefined ? answer(unimplemented) : handlers.estimate(call, answer),
    stream: (call: StreamCallAtServer) =>
      handlers.stream === undefined ? call.emit("error", unimplemented) : handlers.stream(call),
    health: (call: ServerUnaryCall<unknown, HealthAnswer>, answer: sendUnaryData<HealthAnswer>) =>
      handlers.health === undefined ? answer(unimplemented) : handlers.health(call, answer),
  });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  return { url: `http://127.0.0.1:${bound}`, port: bound, kill: () => server.forceShutdown() };
}

/** A partial as an adapter of fields 1 to 7 sends it. */
export function partial(text: string, more: ChunkInit = {}): ChunkInit {
  return { type: "agent.result.partial", contentJson: JSON.stringify({ text }), more: true, ...more };
}

/** A final. */
export function final(content: object = {}, more: ChunkInit = {}): ChunkInit {
  return { type: "agent.result.final", contentJson: JSON.stringify(content), more: false, ...more };
}
