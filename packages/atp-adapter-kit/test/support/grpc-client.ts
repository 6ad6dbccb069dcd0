/** A client of another make: grpc-js, so that a test does not ask connect about connect. */
import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  AdapterService,
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamChunkSchema,
  StreamRequestSchema,
  type EstimateResponse,
  type HealthResponse,
  type StreamChunk,
} from "atp-protocol/adapter";

export interface UnaryCall<O> {
  readonly call: grpc.ClientUnaryCall;
  readonly response: Promise<O>;
}

export interface StreamResult {
  readonly chunks: StreamChunk[];
  readonly status: grpc.StatusObject;
}

export interface RunningStream {
  readonly call: grpc.ClientReadableStream<StreamChunk>;
  /** The first chunk, or undefined when the call ended without one. */
  readonly first: Promise<StreamChunk | undefined>;
  readonly result: Promise<StreamResult>;
}

export interface CallOptions {
  readonly metadata?: Record<string, string>;
  readonly deadlineMs?: number;
}

export class GrpcClient {
  private readonly client: grpc.Client;

  constructor(url: string) {
    this.client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
    });
  }

  estimate(request: MessageInitShape<typeof EstimateRequestSchema>, options?: CallOptions): Promise<EstimateResponse> {
    return this.unary(AdapterService, "Estimate", EstimateRequestSchema, EstimateResponseSchema, request, options);
  }

  health(): Promise<HealthResponse> {
    return this.unary(AdapterService, "Health", HealthRequestSchema, HealthResponseSchema, {});
  }

  stream(request: MessageInitShape<typeof StreamRequestSchema>, options: CallOptions = {}): RunningStream {
    const call = this.client.makeServerStreamRequest(
      `/${AdapterService.typeName}/Stream`,
      encoder(StreamRequestSchema),
      (bytes: Buffer) => fromBinary(StreamChunkSchema, bytes),
      create(StreamRequestSchema, request),
      metadataOf(options),
      callOptions(options),
    );
    const chunks: StreamChunk[] = [];
    const first = new Promise<StreamChunk | undefined>((resolve) => {
      call.once("data", resolve);
      call.once("status", () => resolve(undefined));
    });
    const result = new Promise<StreamResult>((resolve) => {
      call.on("data", (chunk: StreamChunk) => chunks.push(chunk));
      call.on("error", () => undefined);
      call.on("status", (status: grpc.StatusObject) => resolve({ chunks, status }));
    });
    return { call, first, result };
  }

  async run(request: MessageInitShape<typeof StreamRequestSchema>, options?: CallOptions): Promise<StreamResult> {
    return this.stream(request, options).result;
  }

  unary<I extends DescMessage, O extends DescMessage>(
    service: DescService,
    method: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        `/${service.typeName}/${method}`,
        encoder(input),
        (bytes: Buffer) => fromBinary(output, bytes),
        create(input, request),
        metadataOf(options),
        callOptions(options),
        (error, value) => (error === null && value !== undefined ? resolve(value) : reject(error as Error)),
      );
    });
  }

  serverStream<I extends DescMessage, O extends DescMessage>(
    service: DescService,
    method: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): grpc.ClientReadableStream<MessageShape<O>> {
    return this.client.makeServerStreamRequest(
      `/${service.typeName}/${method}`,
      encoder(input),
      (bytes: Buffer) => fromBinary(output, bytes),
      create(input, request),
    );
  }

  bidi<I extends DescMessage, O extends DescMessage>(
    service: DescService,
    method: string,
    input: I,
    output: O,
    requests: MessageInitShape<I>[],
  ): Promise<MessageShape<O>[]> {
    const call = this.client.makeBidiStreamRequest(`/${service.typeName}/${method}`, encoder(input), (bytes: Buffer) =>
      fromBinary(output, bytes),
    );
    return new Promise((resolve, reject) => {
      const responses: MessageShape<O>[] = [];
      call.on("data", (response: MessageShape<O>) => responses.push(response));
      call.on("error", reject);
      call.on("end", () => resolve(responses));
      for (const request of requests) call.write(create(input, request));
      call.end();
    });
  }

  close(): void {
    this.client.close();
  }
}

/** The JSON content of a chunk. */
export function contentOf(chunk: StreamChunk | undefined): Record<string, unknown> {
  return JSON.parse(chunk?.contentJson ?? "null") as Record<string, unknown>;
}

function encoder<I extends DescMessage>(schema: I): (message: MessageShape<I>) => Buffer {
  return (message) => Buffer.from(toBinary(schema, message));
}

function metadataOf(options: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
  return metadata;
}

function callOptions(options: CallOptions): grpc.CallOptions {
  return options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
}
