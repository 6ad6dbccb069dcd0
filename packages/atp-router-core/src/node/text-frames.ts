/** FIN and the opcode of text (RFC 6455, 5.2). */
const FINAL_TEXT = 0x81;
const MAX_7_BITS = 125;
const MAX_16_BITS = 65_535;

function headerBytes(length: number): number {
  return length <= MAX_7_BITS ? 2 : length <= MAX_16_BITS ? 4 : 10;
}

/**
 * Text messages of a server as WebSocket frames in one buffer: whole, unmasked, uncompressed (RFC 6455, 5.2). One buffer is one
 * write; a library's frame is two, and a turn of the event loop sends a hundred.
 */
export function textFrames(texts: readonly string[]): Buffer {
  const lengths: number[] = [];
  let total = 0;
  for (const text of texts) {
    const length = Buffer.byteLength(text);
    lengths.push(length);
    total += headerBytes(length) + length;
  }
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (let i = 0; i < texts.length; i++) {
    const length = lengths[i] ?? 0;
    frames[at] = FINAL_TEXT;
    if (length <= MAX_7_BITS) {
      frames[at + 1] = length;
    } else if (length <= MAX_16_BITS) {
      frames[at + 1] = 126;
      frames.writeUInt16BE(length, at + 2);
    } else {
      frames[at + 1] = 127;
      frames.writeUInt32BE(0, at + 2);
      frames.writeUInt32BE(length, at + 6);
    }
    at += headerBytes(length);
    at += frames.write(texts[i] ?? "", at, "utf8");
  }
  return frames;
}
