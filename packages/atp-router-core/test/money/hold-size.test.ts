import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeHold, tariffOf } from "../../src/money/index.js";
import type { HoldSizeInput } from "../../src/money/index.js";
import type { Estimate } from "../../src/model/index.js";

const quote = (more: Partial<Estimate>): Estimate => ({
  inTokens: 100,
  outTokens: 50,
  usdMicros: 500,
  varianceTokens: 0,
  varianceUsd: 0,
  confidence: 0.5,
  cancelsCleanly: false,
  assumptions: [],
  ...more,
});
const size = (more: Partial<HoldSizeInput> & { readonly e?: Partial<Estimate> }) => {
  const { e, ...rest } = more;
  return sizeHold({ estimate: quote(e ?? {}), qos: "silver", left: {}, ...rest });
};

describe("sizeHold", () => {
  it.each<{ name: string; input: Parameters<typeof size>[0]; out: number; tokens: number; usd: number }>([
    {
      name: "A7.2 the 95th percentile when it is given",
      input: { e: { p95Tokens: 180, p95UsdMicros: 900 } },
      out: 80,
      tokens: 180,
      usd: 900,
    },
    {
      name: "A7.2 gold: mean and two deviations",
      input: { qos: "gold", e: { varianceTokens: 100, varianceUsd: 10_000 } },
      out: 70,
      tokens: 170,
      usd: 700,
    },
    {
      name: "A7.2 silver: mean and one",
      input: { qos: "silver", e: { varianceTokens: 100, varianceUsd: 10_000 } },
      out: 60,
      tokens: 160,
      usd: 600,
    },
    {
      name: "A7.2 bronze: mean and a half",
      input: { qos: "bronze", e: { varianceTokens: 100, varianceUsd: 10_000 } },
      out: 55,
      tokens: 155,
      usd: 550,
    },
    {
      name: "A7.2 where there is room, what hardly any call passes",
      input: { e: { roomyTokens: 300, usdMicros: 50 }, left: { tokens: 32 * 300, usdMicros: 32 * 200 } },
      out: 200,
      tokens: 300,
      usd: 200,
    },
    {
      name: "A7.2 at most a part of what is left, and never less than the mean for it",
      input: { e: { roomyTokens: 300, usdMicros: 50 }, left: { tokens: 32 * 180 } },
      out: 80,
      tokens: 180,
      usd: 80,
    },
    {
      name: "A7.2 without much room the mean, as ever",
      input: { e: { roomyTokens: 300, usdMicros: 50 }, left: { usdMicros: 32 * 40 } },
      out: 50,
      tokens: 150,
      usd: 50,
    },
    {
      name: "A7.2 never less than a useful answer needs",
      input: { e: { outTokens: 1, usdMicros: 1 } },
      out: 16,
      tokens: 116,
      usd: 16,
    },
    {
      name: "A7.2 a percentile below its own mean is not believed",
      input: { e: { p95Tokens: 101 } },
      out: 50,
      tokens: 150,
      usd: 500,
    },
    {
      name: "a quote of no output says nothing of the length",
      input: { e: { outTokens: 0, usdMicros: 0 } },
      out: 256,
      tokens: 356,
      usd: 0,
    },
    {
      name: "the client's own maximum caps the clip",
      input: { askedOutputTokens: 20, e: { usdMicros: 0 } },
      out: 20,
      tokens: 120,
      usd: 0,
    },
    {
      name: "a client that wants 5 tokens gets a hold for 5",
      input: { askedOutputTokens: 5, e: { usdMicros: 0 } },
      out: 5,
      tokens: 105,
      usd: 0,
    },
    {
      name: "the adapter's context caps the clip",
      input: { contextTokens: 130, e: { usdMicros: 0 } },
      out: 30,
      tokens: 130,
      usd: 0,
    },
    {
      name: "B.10 declared prices, input and output, rounded up",
      input: { price: { inPerMtok: 15_000, outPerMtok: 75_000 }, e: { usdMicros: 0 } },
      out: 50,
      tokens: 150,
      usd: 6,
    },
    {
      name: "B.10 without prices an output token costs the quote's, rounded up",
      input: { e: { outTokens: 30, usdMicros: 100, p95Tokens: 160 } },
      out: 60,
      tokens: 160,
      usd: 240,
    },
    {
      name: "A7.3 clipped to the tokens that are left",
      input: { left: { tokens: 130 } },
      out: 30,
      tokens: 130,
      usd: 300,
    },
    {
      name: "A7.3 clipped to the money that is left",
      input: { left: { usdMicros: 333 } },
      out: 33,
      tokens: 133,
      usd: 330,
    },
    {
      name: "A7.3 holds less than its percentile when no more is left and the clip is covered",
      input: { left: { usdMicros: 600 }, e: { p95UsdMicros: 900 } },
      out: 50,
      tokens: 150,
      usd: 600,
    },
    {
      name: "a free adapter may be asked from an overdrawn window",
      input: { left: { usdMicros: -5 }, e: { usdMicros: 0 } },
      out: 50,
      tokens: 150,
      usd: 0,
    },
  ])("$name", ({ input, out, tokens, usd }) => {
    expect(size(input)).toEqual({ ok: true, maxOutputTokens: out, amounts: { parallel: 1, tokens, usdMicros: usd } });
  });

  it.each<{ name: string; input: Parameters<typeof size>[0]; dimension: string; asked: number }>([
    { name: "too few tokens for a useful answer", input: { left: { tokens: 115 } }, dimension: "tokens", asked: 116 },
    {
      name: "too little money for a useful answer",
      input: { left: { usdMicros: 159 } },
      dimension: "usdMicros",
      asked: 160,
    },
    { name: "an overdrawn window", input: { left: { tokens: -50 } }, dimension: "tokens", asked: 116 },
    {
      name: "input that alone is too dear, though output is free",
      input: { left: { usdMicros: 1 }, price: { inPerMtok: 20_000, outPerMtok: 0 } },
      dimension: "usdMicros",
      asked: 2,
    },
  ])("A7.7 refuses $name", ({ input, dimension, asked }) => {
    expect(size(input)).toEqual({ ok: false, dimension, asked });
  });

  const estimate = fc.record({
    inTokens: fc.nat({ max: 1e6 }),
    outTokens: fc.nat({ max: 1e5 }),
    usdMicros: fc.nat({ max: 1e9 }),
    p95Tokens: fc.option(fc.nat({ max: 2e6 }), { nil: undefined }),
    p95UsdMicros: fc.option(fc.nat({ max: 2e9 }), { nil: undefined }),
    varianceTokens: fc.double({ min: 0, max: 1e9, noNaN: true }),
    varianceUsd: fc.double({ min: 0, max: 1e15, noNaN: true }),
  });
  const maybe = (max: number) => fc.option(fc.integer({ min: -1000, max }), { nil: undefined });

  it("A7.2 clip equals hold, and the hold fits what is left: integers, whatever was quoted", () => {
    fc.assert(
      fc.property(
        estimate,
        fc.option(fc.record({ inPerMtok: fc.nat({ max: 1e8 }), outPerMtok: fc.nat({ max: 1e9 }) }), { nil: undefined }),
        fc.constantFrom("gold" as const, "silver" as const, "bronze" as const),
        maybe(2e6),
        maybe(2e9),
        (e, price, qos, tokens, usdMicros) => {
          const left = {
            ...(tokens === undefined ? {} : { tokens }),
            ...(usdMicros === undefined ? {} : { usdMicros }),
          };
          const { p95Tokens, p95UsdMicros, ...rest } = e;
          const q = quote({
            ...rest,
            ...(p95Tokens === undefined ? {} : { p95Tokens }),
            ...(p95UsdMicros === undefined ? {} : { p95UsdMicros }),
          });
          const result = sizeHold({ estimate: q, qos, left, ...(price === undefined ? {} : { price }) });
          const { cost } = tariffOf(q, price);
          if (!result.ok) {
            // What it asks for is not there.
            expect(result.asked).toBeGreaterThan(left[result.dimension] ?? Infinity);
            return;
          }
          const { amounts, maxOutputTokens } = result;
          expect(
            [amounts.tokens, amounts.usdMicros, maxOutputTokens].every((n) => Number.isSafeInteger(n) && n >= 0),
          ).toBe(true);
          expect(maxOutputTokens).toBeGreaterThanOrEqual(16);
          expect(amounts.tokens).toBe(q.inTokens + maxOutputTokens);
          expect(amounts.usdMicros).toBeGreaterThanOrEqual(cost(maxOutputTokens));
          expect(amounts.tokens).toBeLessThanOrEqual(left.tokens ?? Infinity);
          if (amounts.usdMicros > 0) expect(amounts.usdMicros).toBeLessThanOrEqual(left.usdMicros ?? Infinity);
        },
      ),
    );
  });
});
