/**
 * Objects in this process's memory: gone with it, and bounded.
 */
import { randomBytes } from "node:crypto";
import { idOf, type MemoryPath, tenantOf } from "./memory-path.js";
import {
  type MemoryStore,
  type Precondition,
  overQuota,
  preconditionHolds,
  type PutOutcome,
  type Quota,
  type SearchHit,
  type StoredObject,
  type Usage,
} from "./memory-store.js";
import { TextIndex } from "./text-index.js";

/** Options of {@link InMemoryStore}. */
export interface InMemoryStoreOptions {
  /** Wall clock in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** The sum of what is kept, in bytes of JSON. @default 268435456 (256 MiB) */
  readonly maxBytes?: number;
  /** What one tenant may keep. @default nothing but `maxBytes` limits it */
  readonly quota?: Quota;
}

interface Entry extends MemoryPath, StoredObject {
  readonly bytes: number;
  readonly expiresAt: number;
}

const nothing: Usage = { bytes: 0, objects: 0 };

/** A {@link MemoryStore} in process memory. */
export class InMemoryStore implements MemoryStore {
  private readonly entries = new Map<string, Entry>();
  private readonly index = new TextIndex();
  private readonly used = new Map<string, Usage>();
  // An ETag of an earlier process must not match by chance: versions start over there.
  private readonly epoch = randomBytes(6).toString("base64url");
  private readonly now: () => number;
  private readonly maxBytes: number;
  private readonly quota: Quota;
  private version = 0;
  private keptBytes = 0;

  constructor(options: InMemoryStoreOptions = {}) {
    this.now = options.now ?? Date.now;
    this.maxBytes = options.maxBytes ?? 268_435_456;
    this.quota = options.quota ?? {};
  }

  /** How much is kept. */
  get size(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.entries.size, bytes: this.keptBytes };
  }

  async get(path: MemoryPath): Promise<StoredObject | undefined> {
    return this.live(idOf(path));
  }

  async put(
    path: MemoryPath,
    json: string,
    ttlMs: number | undefined,
    precondition: Precondition,
  ): Promise<PutOutcome> {
    const id = idOf(path);
    const before = this.live(id);
    if (!preconditionHolds(precondition, before?.etag)) return { outcome: "failed" };
    const bytes = Buffer.byteLength(json, "utf8") + Buffer.byteLength(id, "utf8");
    const grownBytes = bytes - (before?.bytes ?? 0);
    if (this.keptBytes + grownBytes > this.maxBytes) this.sweep();
    if (this.keptBytes + grownBytes > this.maxBytes) return { outcome: "full" };
    const tenant = tenantOf(path.ns);
    const grownObjects = before === undefined ? 1 : 0;
    // No await between this look and the write: of many writes at once each counts the ones before it.
    const look = (): "bytes" | "objects" | undefined =>
      overQuota(this.quota, this.used.get(tenant) ?? nothing, grownBytes, grownObjects);
    let over = look();
    if (over !== undefined) {
      this.sweep();
      over = look();
    }
    if (over !== undefined) return { outcome: "quota", over };
    if (before !== undefined) this.remove(id, before);
    this.version += 1;
    const etag = `${this.epoch}-${String(this.version)}`;
    const expiresAt = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.now() + ttlMs;
    this.entries.set(id, { ...path, json, etag, bytes, expiresAt });
    this.index.put(id, path, json, etag);
    this.count(tenant, bytes, 1);
    return { outcome: before === undefined ? "created" : "replaced", etag };
  }

  async delete(path: MemoryPath, precondition: Precondition): Promise<"deleted" | "absent" | "failed"> {
    const id = idOf(path);
    const entry = this.live(id);
    if (!preconditionHolds(precondition, entry?.etag)) return "failed";
    if (entry === undefined) return "absent";
    this.remove(id, entry);
    return "deleted";
  }

  async search(query: string, ns: string | undefined, limit: number): Promise<readonly SearchHit[]> {
    const hits: SearchHit[] = [];
    for (const { id, ...hit } of this.index.search(query, ns)) {
      if (this.live(id) === undefined) continue;
      hits.push(hit);
      if (hits.length === limit) break;
    }
    return hits;
  }

  async usage(tenant: string): Promise<Usage> {
    return this.used.get(tenant) ?? nothing;
  }

  async ready(): Promise<boolean> {
    return true;
  }

  /** Frees what has expired. Reads never see it anyway; a timer keeps a quiet process from holding it. */
  sweep(): void {
    for (const id of [...this.entries.keys()]) this.live(id);
  }

  /** The entry under an id unless it has expired, which frees it. */
  private live(id: string): Entry | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined || this.now() < entry.expiresAt) return entry;
    this.remove(id, entry);
    return undefined;
  }

  private remove(id: string, entry: Entry): void {
    this.entries.delete(id);
    this.index.remove(id);
    this.count(tenantOf(entry.ns), -entry.bytes, -1);
  }

  private count(tenant: string, bytes: number, objects: number): void {
    this.keptBytes += bytes;
    const before = this.used.get(tenant) ?? nothing;
    const after = { bytes: before.bytes + bytes, objects: before.objects + objects };
    if (after.objects === 0) this.used.delete(tenant);
    else this.used.set(tenant, after);
  }
}
