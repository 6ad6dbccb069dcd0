import { NONE } from "./seats.js";

/** What a lane in front of an adapter knows of a tenant while nothing of it waits or runs there. */
export interface TenantBook {
  /** Nothing of the tenant waits or runs here, and it owes nothing. */
  isIdle(tenant: number): boolean;
}

/** Idle tenants that are remembered at least, so that an overdraft is not forgotten by going away for a moment. */
const REMEMBERED = 10_000;

/** Tenants by name, each with a number that serves in every lane: names are looked up once, and what is kept of many tenants lies close together. */
export class Tenants {
  private readonly numbers = new Map<string, number>();
  /** By number. */
  private readonly names: (string | undefined)[] = [];
  private readonly free: number[] = [];
  private readonly books: TenantBook[] = [];
  private made = 0;
  private forgetAt = REMEMBERED;

  /** A book that keeps something of tenants by their numbers. */
  keptIn(book: TenantBook): void {
    this.books.push(book);
  }

  /** The tenant's number; undefined when it has none. */
  find(name: string): number | undefined {
    return this.numbers.get(name);
  }

  /** The tenant's number; one that has none gets one. @param known what the number was when last asked: it saves looking the name up */
  numberOf(name: string, known: number = NONE): number {
    return this.names[known] === name ? known : (this.numbers.get(name) ?? this.meet(name));
  }

  private meet(name: string): number {
    if (this.numbers.size >= this.forgetAt) this.forgetIdle();
    const number = this.free.pop() ?? this.made++;
    this.numbers.set(name, number);
    this.names[number] = name;
    return number;
  }

  /** Looked for only when their number has doubled, so that it costs little on average. */
  private forgetIdle(): void {
    for (const [name, number] of this.numbers) {
      if (!this.books.every((book) => book.isIdle(number))) continue;
      this.numbers.delete(name);
      this.names[number] = undefined;
      this.free.push(number);
    }
    this.forgetAt = Math.max(REMEMBERED, this.numbers.size * 2);
  }
}
