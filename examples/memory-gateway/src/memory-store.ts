/**
 * The port behind which objects are kept: in this process, or in a shared store.
 */
import type { MemoryPath } from "./memory-path.js";

/** A kept object. */
export interface StoredObject {
  /** The object as JSON text. */
  readonly json: string;
  /** Opaque, different for each write; without quotes. */
  readonly etag: string;
}

/** `*` is "any that exists"; a list names versions. */
export type VersionMatch = "*" | readonly string[];

/** What must hold when a write happens; checked and written as one step. */
export interface Precondition {
  /** The object must exist in one of these versions. */
  readonly ifMatch?: VersionMatch;
  /** The object must not exist in any of these versions. */
  readonly ifNoneMatch?: VersionMatch;
}

/** What one tenant may keep. An absent member is no limit. */
export interface Quota {
  /** Bytes of JSON and names. */
  readonly maxBytes?: number;
  readonly maxObjects?: number;
}

/** What one tenant keeps now. What has expired may still be counted until the next write. */
export interface Usage {
  readonly bytes: number;
  readonly objects: number;
}

/** The store could not be asked. Whether a write happened is unknown. */
export class StoreUnreachable extends Error {
  override readonly name = "StoreUnreachable";
}

/**
 * The end of a write. `failed`: the precondition did not hold, and nothing was changed. `full`: there is no room. `quota`: the tenant
 * keeps as much as it may.
 */
export type PutOutcome =
  | { readonly outcome: "created" | "replaced"; readonly etag: string }
  | { readonly outcome: "quota"; readonly over: "bytes" | "objects" }
  | { readonly outcome: "failed" | "full" };

/** One hit of a search. */
export interface SearchHit extends MemoryPath {
  readonly score: number;
  readonly etag: string;
  /** Text around the first word found, at most 200 characters. */
  readonly snippet: string;
}

/**
 * Keeps objects by name. Expired objects are never given out. Implementations are safe for concurrent calls; those over a
 * network reject when they are not reachable, and never answer "not there" instead.
 */
export interface MemoryStore {
  get(path: MemoryPath): Promise<StoredObject | undefined>;
  /** @param ttlMs how long to keep it; undefined is for ever */
  put(path: MemoryPath, json: string, ttlMs: number | undefined, precondition: Precondition): Promise<PutOutcome>;
  delete(path: MemoryPath, precondition: Precondition): Promise<"deleted" | "absent" | "failed">;
  /** Full text over the objects in and under a namespace, or all, best first. */
  search(query: string, ns: string | undefined, limit: number): Promise<readonly SearchHit[]>;
  usage(tenant: string): Promise<Usage>;
  /** Whether it can be asked now. Never rejects. */
  ready(): Promise<boolean>;
}

/** Which limit a growth would pass. What shrinks a tenant is always allowed. */
export function overQuota(
  { maxBytes, maxObjects }: Quota,
  { bytes, objects }: Usage,
  grownBytes: number,
  grownObjects: number,
): "bytes" | "objects" | undefined {
  if (maxBytes !== undefined && grownBytes > 0 && bytes + grownBytes > maxBytes) return "bytes";
  if (maxObjects !== undefined && grownObjects > 0 && objects + grownObjects > maxObjects) return "objects";
  return undefined;
}

/** Whether a precondition holds for the version there is (undefined: none). RFC 9110, 13.1.1 and 13.1.2. */
export function preconditionHolds({ ifMatch, ifNoneMatch }: Precondition, etag: string | undefined): boolean {
  const matches = (match: VersionMatch): boolean => etag !== undefined && (match === "*" || match.includes(etag));
  if (ifMatch !== undefined && !matches(ifMatch)) return false;
  return ifNoneMatch === undefined || !matches(ifNoneMatch);
}
