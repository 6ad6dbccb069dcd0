import type { AdapterFinal, Chunk, Failure } from "../../../src/model/index.js";
import type { LegSink } from "../../../src/ports/index.js";

/** Collects a call's pieces and its end, and tells when something is there. */
export class Collector implements LegSink {
  readonly chunks: Chunk[] = [];
  readonly ends: ({ readonly final: AdapterFinal } | { readonly failure: Failure })[] = [];
  private readonly waiting: { when: () => boolean; resolve: () => void }[] = [];

  chunk(chunk: Chunk): void {
    this.chunks.push(chunk);
    this.wake();
  }

  end(end: { readonly final: AdapterFinal } | { readonly failure: Failure }): void {
    this.ends.push(end);
    this.wake();
  }

  get text(): string {
    return this.chunks.map(({ text }) => text ?? "").join("");
  }

  until(when: (it: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ when: () => when(this), resolve });
      this.wake();
    });
  }

  ended(): Promise<void> {
    return this.until(({ ends }) => ends.length > 0);
  }

  private wake(): void {
    for (const { when, resolve } of this.waiting) if (when()) resolve();
  }
}
