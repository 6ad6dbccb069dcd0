/** How gRPC puts messages and values into HTTP/2 (gRPC over HTTP/2, "Requests" and "Responses"). */

/** One byte tells whether the message is compressed, four its length. */
const PREFIX_BYTES = 5;
/** Any message of an adapter must fit; the router bounds what it forwards itself. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** `TimeoutValue` has at most eight digits. */
const MAX_TIMEOUT_VALUE = 99_999_999;

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** Takes messages out of bytes however they are cut. One that lies whole in what came is not copied. */
export class MessageReader {
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** With fewer bytes than these there is nothing to look at. */
  private wantedBytes = PREFIX_BYTES;

  constructor(private readonly onMessage: (message: Buffer) => void) {}

  /** Whether a message began that has not ended. */
  get cut(): boolean {
    return this.heldBytes > 0;
  }

  /** Reads on. Returns what is wrong with the bytes: nothing that follows can be read then. */
  push(data: Buffer): string | undefined {
    const bytes = this.heldBytes === 0 ? data : this.joined(data);
    if (bytes === undefined) return undefined;
    let at = 0;
    this.wantedBytes = PREFIX_BYTES;
    while (bytes.length - at >= PREFIX_BYTES) {
      if (bytes[at] !== 0) return "a message is compressed, which nobody offered to read";
      const length = bytes.readUInt32BE(at + 1);
      if (length > MAX_MESSAGE_BYTES) return `a message of ${length} bytes is over ${MAX_MESSAGE_BYTES}`;
      const end = at + PREFIX_BYTES + length;
      if (end > bytes.length) {
        this.wantedBytes = PREFIX_BYTES + length;
        break;
      }
      this.onMessage(bytes.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    if (at < bytes.length) this.hold(at === 0 ? bytes : bytes.subarray(at));
    return undefined;
  }

  private hold(bytes: Buffer): void {
    this.held.push(bytes);
    this.heldBytes += bytes.length;
  }

  /** What is held and what came, once that is worth a look: a long message is joined at its end, not at each piece. */
  private joined(data: Buffer): Buffer | undefined {
    this.hold(data);
    if (this.heldBytes < this.wantedBytes) return undefined;
    const bytes = Buffer.concat(this.held, this.heldBytes);
    this.held = [];
    this.heldBytes = 0;
    return bytes;
  }
}

/** The value of `grpc-timeout` for so many ms, rounded up. */
export function timeoutHeader(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms <= MAX_TIMEOUT_VALUE ? `${ms}m` : `${Math.min(MAX_TIMEOUT_VALUE, Math.ceil(ms / 1_000))}S`;
}

/** The text of `grpc-message`: what is no percent-encoding stands for itself, and broken UTF-8 becomes U+FFFD. */
export function decodeMessage(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"));
}
