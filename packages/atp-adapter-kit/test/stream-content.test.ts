import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeltaJoiner, toWellFormed, wellFormedJson } from "../src/well-formed.js";
import { estimateTokens, priceOf, UsageMeter } from "../src/tokens.js";
import { contentOf } from "./support/grpc-client.js";
import { serve } from "./support/served.js";

const hello = { streamId: "c1", promptJson: JSON.stringify({ prompt: "hello" }) };
const high = "\ud83d";
const low = "\ude00";

describe("surrogate pairs (B.9)", () => {
  it.each<[string, string[], string[]]>([
    ["a pair cut between deltas", [`a${high}`, `${low}b`], ["a", "😀b"]],
    ["a pair over three deltas with an empty one", [high, "", low], ["😀"]],
    ["a high half at the very end", [`a${high}`], ["a", "\ufffd"]],
    ["a high half that never gets its low", [high, "x"], ["\ufffdx"]],
    ["a lone low half", [low, "x"], ["\ufffd", "x"]],
    ["two high halves", [`${high}${high}`, low], ["\ufffd", "😀"]],
  ])("%s", async (_name, deltas, texts) => {
    const { client } = await serve({
      stream: async function* () {
        for (const text of deltas) yield { text };
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks.slice(0, -1).map((chunk) => contentOf(chunk)["text"])).toEqual(texts);
    expect(contentOf(chunks.at(-1))).toEqual({ answer: texts.join("") });
  });

  it("repairs finals and nested members too", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { final: { answer: `cut ${high}`, evidence: [{ source: low, quote: "ok" }] } };
      },
    });
    const { chunks } = await client.run(hello);
    expect(contentOf(chunks[0])).toEqual({ answer: "cut \ufffd", evidence: [{ source: "\ufffd", quote: "ok" }] });
  });

  it("joined deltas are the well-formed whole, wherever the text is cut", () => {
    const units = fc
      .array(fc.constantFrom("a", high, low, "😀", "é"), { maxLength: 12 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(units, fc.array(fc.nat({ max: 24 }), { maxLength: 6 }), (text, cuts) => {
        const joiner = new DeltaJoiner();
        const bounds = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const out = bounds.slice(1).map((end, i) => joiner.push(text.slice(bounds[i], end)));
        out.push(joiner.end());
        expect(out.join("")).toBe(toWellFormed(text));
        for (const delta of out) expect(toWellFormed(delta)).toBe(delta);
      }),
    );
  });

  it("leaves a backslash text that looks like an escape alone", () => {
    expect(JSON.parse(wellFormedJson({ text: "\\ud800", more: high }))).toEqual({ text: "\\ud800", more: "\ufffd" });
  });
});

describe("usage (B.3)", () => {
  const prices = { inUsdMicrosPerMtok: 1_000_000, outUsdMicrosPerMtok: 2_000_000 };

  it("estimates bytes / 4 until the author tells, and adds up to the whole", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { text: "ab" };
        yield { text: "cdé" };
        yield { text: "x".repeat(10) };
      },
    });
    const { chunks } = await client.run(hello);
    const sum = (pick: (chunk: (typeof chunks)[number]) => bigint) =>
      chunks.reduce((total, chunk) => total + pick(chunk), 0n);
    expect(chunks[0]).toMatchObject({ partialInTokens: 2n, partialOutTokens: 1n, partialUsdMicros: 4n });
    expect(sum((c) => c.partialInTokens)).toBe(2n);
    expect(sum((c) => c.partialOutTokens)).toBe(4n);
    expect(sum((c) => c.partialUsdMicros)).toBe(10n);
  });

  it("takes the author's increments as they are", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { usage: { inTokens: 100, usdMicros: 70 } };
        yield { text: "abcdefgh", usage: { outTokens: 3, usdMicros: 5 } };
        yield { final: {}, usage: { outTokens: 1, usdMicros: 2 } };
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks.map((c) => [c.partialInTokens, c.partialOutTokens, c.partialUsdMicros])).toEqual([
      [100n, 0n, 70n],
      [0n, 3n, 5n],
      [0n, 1n, 2n],
    ]);
  });

  it("counts the text of an answer that came in the final alone", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { final: { answer: "12345678" } };
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks[0]).toMatchObject({ partialInTokens: 2n, partialOutTokens: 2n });
  });

  it("prices the tokens that come without money, beside money that comes without tokens", () => {
    const meter = new UsageMeter(5, prices);
    const steps = [
      meter.next("", { usdMicros: 10 }),
      meter.next("x", { inTokens: 3, outTokens: 4 }),
      meter.next("", { usdMicros: 1 }),
    ];
    expect(steps.map((step) => step.usdMicros)).toEqual([10, 11, 1]);
  });

  it("credits what was estimated against what the author tells at the end", () => {
    const meter = new UsageMeter(5, prices);
    const steps = [meter.next("x".repeat(40), undefined), meter.next("", { inTokens: 8, outTokens: 12 })];
    expect(steps).toEqual([
      { inTokens: 5, outTokens: 10, usdMicros: 25 },
      { inTokens: 3, outTokens: 2, usdMicros: 7 },
    ]);
  });

  it("never goes below zero, and sums to the larger of estimate and report", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 }), { maxLength: 8 }),
        fc.nat({ max: 200 }),
        fc.nat({ max: 200 }),
        (lengths, inTokens, outTokens) => {
          const meter = new UsageMeter(7, prices);
          const steps = lengths.map((length) => meter.next("x".repeat(length), undefined));
          const estimated = {
            in: lengths.length === 0 ? 0 : 7,
            out: Math.ceil(lengths.reduce((a, b) => a + b, 0) / 4),
          };
          steps.push(meter.next("", { inTokens, outTokens }));
          const sum = (pick: (step: (typeof steps)[number]) => number) =>
            steps.reduce((total, step) => total + pick(step), 0);
          for (const step of steps)
            expect(Math.min(step.inTokens, step.outTokens, step.usdMicros)).toBeGreaterThanOrEqual(0);
          expect(sum((s) => s.inTokens)).toBe(Math.max(estimated.in, inTokens));
          expect(sum((s) => s.outTokens)).toBe(Math.max(estimated.out, outTokens));
        },
      ),
    );
  });

  it.each([
    ["", 0],
    ["a", 1],
    ["abcd", 1],
    ["abcde", 2],
    ["é", 1],
    ["😀😀", 2],
  ])("estimates the tokens of %j as %i", (text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens);
  });

  it("rounds prices up, once, on the total", () => {
    expect(priceOf(1, 1, { inUsdMicrosPerMtok: 1, outUsdMicrosPerMtok: 1 })).toBe(1);
    expect(priceOf(1_000_000, 500_000, { inUsdMicrosPerMtok: 150_000, outUsdMicrosPerMtok: 600_000 })).toBe(450_000);
    expect(priceOf(1_000, 1_000, undefined)).toBe(0);
  });
});
