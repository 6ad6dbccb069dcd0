/**
 * The full-text index that each gateway keeps of a shared store, brought up to date from the store's stream of changes.
 */
import type { Redis } from "ioredis";
import { isWithin, pathOfId } from "./memory-path.js";
import type { SearchHit } from "./memory-store.js";
import { keysOf } from "./redis-scripts.js";
import { TextIndex } from "./text-index.js";

/** Changes that are read at once. */
const batch = 500;

/** An index that follows. */
export class RedisIndex {
  private readonly index = new TextIndex();
  private readonly keys: ReturnType<typeof keysOf>;
  /** The last change that is in the index; undefined before the first reading. */
  private at: number | undefined;
  private epoch: string | undefined;
  private syncing: Promise<void> | undefined;

  constructor(
    private readonly redis: Redis,
    prefix: string,
  ) {
    this.keys = keysOf(prefix);
  }

  /**
   * Searches all that was written before the call, by any gateway. A hit is looked up before it is told, so that nothing that has
   * expired or was replaced meanwhile comes out.
   */
  async search(query: string, ns: string | undefined, limit: number): Promise<readonly SearchHit[]> {
    await this.sync();
    const hits: SearchHit[] = [];
    let waiting: (SearchHit & { readonly id: string })[] = [];
    const confirm = async (): Promise<void> => {
      const etags = await Promise.all(waiting.map(({ id }) => this.redis.hget(this.objectKey(id), "etag")));
      for (const [place, { id, ...hit }] of waiting.entries()) {
        if (etags[place] === null) this.index.remove(id);
        else if (etags[place] === hit.etag) hits.push(hit);
      }
      waiting = [];
    };
    for (const hit of [...this.index.search(query, ns)]) {
      if (ns !== undefined && !isWithin(hit.ns, ns)) continue;
      waiting.push(hit);
      if (waiting.length === limit) await confirm();
      if (hits.length >= limit) break;
    }
    await confirm();
    return hits.slice(0, limit);
  }

  /** Takes in what was written since. Calls that come meanwhile wait for one that begins after them. */
  async sync(): Promise<void> {
    while (this.syncing !== undefined) await this.syncing.catch(() => undefined);
    this.syncing = this.follow().finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }

  private async follow(): Promise<void> {
    const [count, epoch] = await this.redis.hmget(this.keys.of("counter"), "n", "epoch");
    const head = Number(count ?? 0);
    // A server that lost its data counts from the start again.
    if (this.at === undefined || this.at > head || this.epoch !== (epoch ?? undefined)) {
      await this.readAll(head, epoch ?? undefined);
      return;
    }
    while (this.at < head) {
      const entries = await this.redis.xrange(this.keys.of("changes"), `(${this.at}-0`, "+", "COUNT", batch);
      const first = entries[0];
      // Each change is one more than the one before: a jump is what the stream has dropped.
      if (first === undefined || numberOf(first[0]) !== this.at + 1) {
        await this.readAll(head, this.epoch);
        return;
      }
      await this.take(entries);
    }
  }

  private async take(entries: readonly (readonly [string, readonly string[]])[]): Promise<void> {
    const changes = entries.map(([number, fields]) => ({ n: numberOf(number), op: fields[1], id: fields[3] ?? "" }));
    // Of several changes to one name only what is there now counts.
    const names = [...new Set(changes.map(({ id }) => id))];
    await this.load(names);
    this.at = changes.at(-1)?.n ?? this.at;
  }

  private async readAll(head: number, epoch: string | undefined): Promise<void> {
    this.index.clear();
    for (const tenant of await this.redis.smembers(this.keys.of("tenants"))) {
      let cursor = "0";
      do {
        const [next, pairs] = await this.redis.hscan(this.keys.of(`sizes:${tenant}`), cursor, "COUNT", batch);
        await this.load(pairs.filter((_, place) => place % 2 === 0));
        cursor = next;
      } while (cursor !== "0");
    }
    // What was written meanwhile stands in the stream behind `head` and is taken again: taking twice does no harm.
    this.at = head;
    this.epoch = epoch;
  }

  private async load(ids: readonly string[]): Promise<void> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hmget(this.objectKey(id), "json", "etag");
    const results = (await pipeline.exec()) ?? [];
    for (const [place, [error, value]] of results.entries()) {
      if (error !== null) throw error;
      const id = ids[place] ?? "";
      const [json, etag] = value as [string | null, string | null];
      if (json === null || etag === null) this.index.remove(id);
      else this.index.put(id, pathOfId(id), json, etag);
    }
  }

  private objectKey(id: string): string {
    return `${this.keys.of("o:")}${id}`;
  }
}

function numberOf(entry: string): number {
  return Number(entry.slice(0, entry.indexOf("-")));
}
