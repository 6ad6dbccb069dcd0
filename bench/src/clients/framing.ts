/** gRPC's length-prefixed messages: one byte of flags, four of length, then the message. */

const prefixBytes = 5;
/** The largest message taken, in bytes; a larger one fails its call before any of it is kept. */
const maxMessageBytes = 4 * 2 ** 20;

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(prefixBytes + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, prefixBytes);
  return out;
}

/**
 * Takes messages out of bytes however they are cut.
 * The returned function throws RangeError on a compressed or too large message.
 */
export function messageReader(onMessage: (message: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer | undefined;
  return (bytes) => {
    const data = rest === undefined ? bytes : Buffer.concat([rest, bytes]);
    rest = undefined;
    let at = 0;
    while (data.length - at >= prefixBytes) {
      if (data[at] !== 0) throw new RangeError("the message is compressed, and nobody offered to read that");
      const length = data.readUInt32BE(at + 1);
      if (length > maxMessageBytes) throw new RangeError(`a message of ${length} bytes is over ${maxMessageBytes}`);
      const end = at + prefixBytes + length;
      if (end > data.length) break;
      onMessage(data.subarray(at + prefixBytes, end));
      at = end;
    }
    if (at < data.length) rest = data.subarray(at);
  };
}
