/**
 * Request bodies: bounded, valid UTF-8, valid JSON, and nothing that would be refused further on the way (A3.3).
 */
import { HttpError } from "./http-error.js";

const maxDepth = 64;
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Reads and parses a body of at most `maxBytes`.
 *
 * @throws HttpError `ETOOBIG` as soon as the limit is passed, by the announced length or by the bytes that came; `EPROTO`
 *   when it is not UTF-8 or not JSON, nested over 64, or holds `__proto__` or lone surrogates
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const text = decode(await readBytes(request, maxBytes));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError("EPROTO", "the body is not JSON");
  }
  checkValue(value, 1);
  return value;
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooBig = (): HttpError => new HttpError("ETOOBIG", `the body may have ${String(maxBytes)} bytes`);
  if (Number(request.headers.get("content-length") ?? "0") > maxBytes) throw tooBig();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const step = await reader?.read();
    if (step === undefined || step.done) break;
    const part = step.value as Uint8Array;
    bytes += part.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      throw tooBig();
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError("EPROTO", "the body is not UTF-8");
  }
}

function checkValue(value: unknown, depth: number): void {
  if (typeof value === "string") return checkText(value);
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth) throw new HttpError("EPROTO", `the body is nested over ${String(maxDepth)}`);
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, depth + 1);
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === "__proto__") throw new HttpError("EPROTO", "the member name __proto__ is refused");
    checkText(key);
    checkValue(member, depth + 1);
  }
}

function checkText(text: string): void {
  if (loneSurrogate.test(text)) throw new HttpError("EPROTO", "the body holds a lone surrogate");
}
