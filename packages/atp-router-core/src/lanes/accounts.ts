import { NONE } from "./seats.js";

const FIRST_SIZE = 16;

/** What one lane in front of an adapter keeps of each tenant, by its number: 16 bytes side by side, as all are read where one is. */
export class Accounts {
  private tags = new Float64Array(0);
  private ints = new Int32Array(this.tags.buffer);
  private size = 0;

  /** There is room for this tenant. */
  meet(tenant: number): void {
    if (tenant < this.size) return;
    const { tags } = this;
    const size = Math.max(FIRST_SIZE, tenant + 1, this.size * 2);
    this.tags = new Float64Array(size * 2);
    this.ints = new Int32Array(this.tags.buffer);
    this.tags.set(tags.subarray(0, this.size * 2));
    for (let t = this.size; t < size; t++) this.ints[(t << 2) + 2] = NONE;
    this.size = size;
  }

  /** Its line while something of it waits, else -1; also of a tenant that was never met. */
  lineOf(tenant: number): number {
    return tenant < this.size ? (this.ints[(tenant << 2) + 2] as number) : NONE;
  }

  setLine(tenant: number, line: number): void {
    this.ints[(tenant << 2) + 2] = line;
  }

  /** The tag up to which it has been served. */
  servedOf(tenant: number): number {
    return this.tags[tenant << 1] ?? 0;
  }

  setServed(tenant: number, tag: number): void {
    this.tags[tenant << 1] = tag;
  }

  /** Its calls that run. */
  runningOf(tenant: number): number {
    return this.ints[(tenant << 2) + 3] ?? 0;
  }

  /** So many more of its calls run. */
  runs(tenant: number, more: number): void {
    const i = (tenant << 2) + 3;
    this.ints[i] = (this.ints[i] as number) + more;
  }

  /** Lines in which something waits. */
  *lines(): Iterable<number> {
    for (let t = 0; t < this.size; t++) {
      const line = this.lineOf(t);
      if (line !== NONE) yield line;
    }
  }
}
