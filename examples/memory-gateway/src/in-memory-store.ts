/**
 * Objects in this process's memory: gone with it, and bounded.
 */
import { randomBytes } from "node:crypto";
import MiniSearch from "minisearch";
import { isWithin, type MemoryPath } from "./memory-path.js";
import {
  type MemoryStore,
  type Precondition,
  preconditionHolds,
  type PutOutcome,
  type SearchHit,
  type StoredObject,
} from "./memory-store.js";
import { snippetAround, textOfJson } from "./object-text.js";

/** Options of {@link InMemoryStore}. */
export interface InMemoryStoreOptions {
  /** Wall clock in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** The sum of what is kept, in bytes of JSON. @default 268435456 (256 MiB) */
  readonly maxBytes?: number;
}

interface Entry extends MemoryPath, StoredObject {
  readonly bytes: number;
  readonly text: string;
  readonly expiresAt: number;
}

/** A {@link MemoryStore} in process memory. */
export class InMemoryStore implements MemoryStore {
  private readonly entries = new Map<string, Entry>();
  private readonly index = new MiniSearch<{ id: string; text: string; path: string }>({
    fields: ["text", "path"],
    searchOptions: {
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      boost: { path: 2 },
    },
  });
  // An ETag of an earlier process must not match by chance: versions start over there.
  private readonly epoch = randomBytes(6).toString("base64url");
  private readonly now: () => number;
  private readonly maxBytes: number;
  private version = 0;
  private keptBytes = 0;

  constructor(options: InMemoryStoreOptions = {}) {
    this.now = options.now ?? Date.now;
    this.maxBytes = options.maxBytes ?? 268_435_456;
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
    if (before !== undefined) this.remove(id, before);
    this.version += 1;
    const etag = `${this.epoch}-${String(this.version)}`;
    const text = textOfJson(json);
    const expiresAt = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.now() + ttlMs;
    this.entries.set(id, { ...path, json, etag, bytes, text, expiresAt });
    this.index.add({ id, text, path: id });
    this.keptBytes += bytes;
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
    for (const result of this.index.search(query)) {
      const entry = this.live(result.id as string);
      if (entry === undefined || (ns !== undefined && !isWithin(entry.ns, ns))) continue;
      const snippet = snippetAround(entry.text, result.terms);
      hits.push({ ns: entry.ns, key: entry.key, score: result.score, etag: entry.etag, snippet });
      if (hits.length === limit) break;
    }
    return hits;
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
    this.keptBytes -= entry.bytes;
    this.index.remove({ id, text: entry.text, path: id });
  }
}

function idOf({ ns, key }: MemoryPath): string {
  return `${ns}/${key}`;
}
