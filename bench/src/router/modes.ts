import type { Shape } from "./answer.js";

/** How the questions of a round come. */
export interface Mode extends Shape {
  readonly name: "burst" | "paced" | "single";
  readonly concurrency: number;
  readonly requests: number;
}

/** 64 questions at once, each answered by 50 chunks as fast as they go. */
export const burst: Mode = { name: "burst", concurrency: 64, requests: 640, chunks: 50, delayMs: 0 };

/** 8 questions at once, a chunk each 10 ms: how models stream. */
export const paced: Mode = { name: "paced", concurrency: 8, requests: 40, chunks: 50, delayMs: 10 };

/** One question at a time. */
export const single: Mode = { name: "single", concurrency: 1, requests: 30, chunks: 50, delayMs: 0 };
