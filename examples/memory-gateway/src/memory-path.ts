/**
 * Names of memory: `{ns}/{key}`, where the key is the last segment and the namespace all before it (part C).
 */
import { HttpError } from "./http-error.js";

const segmentPattern = /^[A-Za-z0-9._-]{1,128}$/;
const maxSegments = 32;

/** A checked name. */
export interface MemoryPath {
  /** Segments joined by `/`, such as `tenant/acme/session/s1`. */
  readonly ns: string;
  readonly key: string;
}

/**
 * Reads the part of a request's path behind `/v1/memory/`, as it was sent. Percent escapes are undone once, after the
 * split, so that no escape can make a separator, and what is still escaped then is refused.
 *
 * @throws HttpError `EPROTO` that names what is wrong
 */
export function parseMemoryPath(rawPath: string): MemoryPath {
  const segments = splitSegments(rawPath);
  const key = segments.pop();
  if (key === undefined || segments.length === 0) {
    throw new HttpError("EPROTO", "the path needs a namespace and a key: /v1/memory/{namespace}/{key}");
  }
  return { ns: segments.join("/"), key };
}

/** Checks a namespace given as text, such as a search's `ns`. @throws HttpError `EPROTO` */
export function parseNamespace(text: string): string {
  return splitSegments(text).join("/");
}

/** Whether a namespace is another one or lies under it, by whole segments. */
export function isWithin(ns: string, outer: string): boolean {
  return ns === outer || ns.startsWith(`${outer}/`);
}

/** A name as one text, which no other name has. */
export function idOf({ ns, key }: MemoryPath): string {
  return `${ns}/${key}`;
}

/** The name of an {@link idOf}. */
export function pathOfId(id: string): MemoryPath {
  const cut = id.lastIndexOf("/");
  return { ns: id.slice(0, cut), key: id.slice(cut + 1) };
}

/** Whose a namespace is: its first segment. */
export function tenantOf(ns: string): string {
  return ns.split("/", 1)[0] ?? "";
}

function splitSegments(rawPath: string): string[] {
  const segments = rawPath.split("/").map(decodeSegment);
  if (segments.length > maxSegments)
    throw new HttpError("EPROTO", `a path has at most ${String(maxSegments)} segments`);
  return segments;
}

function decodeSegment(raw: string): string {
  let segment: string;
  try {
    segment = decodeURIComponent(raw);
  } catch {
    throw new HttpError("EPROTO", `the segment ${JSON.stringify(raw)} is not well encoded`);
  }
  if (segment === "." || segment === "..") throw new HttpError("EPROTO", "the segments . and .. are refused");
  if (!segmentPattern.test(segment)) {
    const shown = JSON.stringify(raw.slice(0, 140));
    throw new HttpError("EPROTO", `the segment ${shown} must be 1 to 128 characters of [A-Za-z0-9._-]`);
  }
  return segment;
}
