/**
 * `If-Match`, `If-None-Match` and `ETag` between HTTP and the store.
 */
import { HttpError } from "./http-error.js";
import type { Precondition, VersionMatch } from "./memory-store.js";

/** The precondition that a request's headers state. @throws HttpError `EPROTO` */
export function preconditionOf(headers: Headers): Precondition {
  const ifMatch = versionMatchOf(headers, "if-match");
  const ifNoneMatch = versionMatchOf(headers, "if-none-match");
  return {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
  };
}

/** A version as the header says it. */
export function etagHeader(etag: string): string {
  return `"${etag}"`;
}

function versionMatchOf(headers: Headers, name: "if-match" | "if-none-match"): VersionMatch | undefined {
  const value = headers.get(name)?.trim();
  if (value === undefined) return undefined;
  if (value === "*") return "*";
  const versions: string[] = [];
  for (const item of value.split(",")) {
    const tag = /^(W\/)?"([\x21\x23-\x7e]*)"$/.exec(item.trim());
    if (tag === null) throw new HttpError("EPROTO", `${name} must be * or quoted versions`);
    // RFC 9110: If-Match compares strongly, so a weak version never matches; If-None-Match compares weakly.
    if (name === "if-none-match" || tag[1] === undefined) versions.push(tag[2] ?? "");
  }
  return versions;
}
