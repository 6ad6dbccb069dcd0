/** Verified results by the hash of their token, the least recently used first out. Times are wall-clock milliseconds. */
export class TokenCache<T> {
  private readonly entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** @param size how many tokens are kept at most */
  constructor(private readonly size: number) {}

  /** What is kept under a hash and still counts at `wall`. */
  get(hash: string, wall: number): T | undefined {
    const entry = this.entries.get(hash);
    if (entry === undefined) return undefined;
    this.entries.delete(hash);
    if (entry.until <= wall) return undefined;
    this.entries.set(hash, entry);
    return entry.value;
  }

  /** Keeps a value until `until`. */
  set(hash: string, value: T, until: number): void {
    this.entries.delete(hash);
    this.entries.set(hash, { value, until });
    if (this.entries.size <= this.size) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }

  /** Forgets everything. */
  clear(): void {
    this.entries.clear();
  }
}
