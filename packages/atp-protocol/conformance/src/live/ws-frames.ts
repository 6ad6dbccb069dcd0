/**
 * Frames of RFC 6455 as bytes: enough for a client that may break the rules on purpose, and for a proxy that cuts at frames.
 */

/** One frame as it stands in a byte stream. */
export interface WsFrame {
  readonly fin: boolean;
  readonly opcode: number;
  /** Unmasked. */
  readonly payload: Buffer;
  /** The frame's own bytes, for passing on. */
  readonly raw: Buffer;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Writes one frame. A client's frames are masked (RFC 6455, 5.3). */
export function writeFrame(opcode: number, payload: Buffer, mask: Buffer | null): Buffer {
  const length = payload.length;
  const head: number[] = [0x80 | opcode];
  const bit = mask === null ? 0 : 0x80;
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 255);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(bit | 127, ...wide);
  }
  if (mask === null) return Buffer.concat([Buffer.from(head), payload]);
  return Buffer.concat([Buffer.from(head), mask, masked(payload, mask)]);
}

function masked(payload: Buffer, mask: Buffer): Buffer {
  const out = Buffer.from(payload);
  for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return out;
}

/** The payload of a close frame; without a code it is empty. */
export function closePayload(code: number | null, reason = ""): Buffer {
  if (code === null) return Buffer.alloc(0);
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return Buffer.concat([payload, Buffer.from(reason)]);
}

/** Cuts a stream of bytes into frames; what is no whole frame yet is kept. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes of a frame that has begun. */
  get pending(): number {
    return this.#rest.length;
  }

  push(bytes: Buffer): WsFrame[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: WsFrame[] = [];
    for (let frame = this.#take(); frame !== null; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): WsFrame | null {
    const buffer = this.#rest;
    if (buffer.length < 2) return null;
    const second = buffer[1] ?? 0;
    const short = second & 127;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskBytes = (second & 128) === 0 ? 0 : 4;
    const start = 2 + lengthBytes + maskBytes;
    if (buffer.length < start) return null;
    const length =
      lengthBytes === 2 ? buffer.readUInt16BE(2) : lengthBytes === 8 ? Number(buffer.readBigUInt64BE(2)) : short;
    if (buffer.length < start + length) return null;
    const body = buffer.subarray(start, start + length);
    const payload = maskBytes === 0 ? Buffer.from(body) : masked(body, buffer.subarray(start - 4, start));
    this.#rest = buffer.subarray(start + length);
    return {
      fin: ((buffer[0] ?? 0) & 128) !== 0,
      opcode: (buffer[0] ?? 0) & 15,
      payload,
      raw: Buffer.from(buffer.subarray(0, start + length)),
    };
  }
}
