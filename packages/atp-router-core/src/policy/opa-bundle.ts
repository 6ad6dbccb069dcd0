import { gunzipSync } from "node:zlib";

const BLOCK = 512;
/** Larger bundles are refused: a policy is code, not a database. */
const MAX_BYTES = 64 * 1_048_576;

/** One file of an OPA bundle, a tar archive under gzip (POSIX ustar), by its name at the top. */
export function fileOfBundle(bundle: Buffer, name: string): Buffer | undefined {
  const tar = gunzipSync(bundle, { maxOutputLength: MAX_BYTES });
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const title = text(tar, at, 100);
    if (title === "") return undefined;
    const size = Number.parseInt(text(tar, at + 124, 12).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    const start = at + BLOCK;
    if (title.replace(/^\.?\//, "") === name) return tar.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function text(buffer: Buffer, at: number, length: number): string {
  const end = buffer.indexOf(0, at);
  return buffer.toString("utf8", at, end === -1 || end > at + length ? at + length : end);
}
