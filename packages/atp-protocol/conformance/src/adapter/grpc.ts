import { connect, type ClientHttp2Session, constants } from "node:http2";

const { HTTP2_HEADER_PATH, HTTP2_HEADER_METHOD, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } = constants;

/** What a call brought: its messages as bytes, and its status (0 is OK). */
export interface CallResult {
  readonly messages: readonly Uint8Array[];
  readonly status: number;
  readonly message: string;
}

/** A gRPC connection for one message in and any number out: all that the adapter service needs. */
export interface GrpcConnection {
  /** @param timeoutMs after which the call counts as failed */
  call(method: string, request: Uint8Array, timeoutMs?: number): Promise<CallResult>;
  close(): void;
}

/** Connects to `http://host:port` without TLS. @throws Error when nothing listens there. */
export async function connectGrpc(url: string): Promise<GrpcConnection> {
  const session = connect(url);
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  session.on("error", () => undefined);
  return {
    call: (method, request, timeoutMs = 10_000) => call(session, method, request, timeoutMs),
    close: () => session.destroy(),
  };
}

function call(
  session: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<CallResult> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [HTTP2_HEADER_METHOD]: "POST",
      [HTTP2_HEADER_PATH]: `/atp.adapter.v1.AdapterService/${method}`,
      [HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [HTTP2_HEADER_TE]: "trailers",
      "grpc-timeout": `${timeoutMs}m`,
    });
    let bytes = Buffer.alloc(0);
    let status: unknown;
    let message = "";
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      status = headers["grpc-status"] ?? status;
      message = typeof headers["grpc-message"] === "string" ? headers["grpc-message"] : message;
    };
    stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`${method}: no answer within ${timeoutMs} ms`)));
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
    });
    stream.on("error", reject);
    stream.on("end", () => {
      if (status === undefined) reject(new Error(`${method} ended without a gRPC status`));
      else resolve({ messages: unframed(bytes), status: Number(status), message });
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([head, request]));
  });
}

/** Messages of a body: each has one byte for compression and four for its length. */
function unframed(bytes: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
