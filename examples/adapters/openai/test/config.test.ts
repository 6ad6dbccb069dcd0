import { ConfigError } from "atp-adapter-kit";
import { describe, expect, it } from "vitest";
import { readOpenAiConfig } from "../src/config.js";
import { createOpenAiAdapter } from "../src/openai-adapter.js";

describe("readOpenAiConfig", () => {
  it("asks OpenAI with a key, at the list price of the default model", () => {
    expect(readOpenAiConfig({ OPENAI_API_KEY: "k" })).toEqual({
      name: "openai",
      endpoint: { baseUrl: "https://api.openai.com/v1", apiKey: "k", model: "gpt-4o-mini" },
      prices: { inUsdMicrosPerMtok: 150_000, outUsdMicrosPerMtok: 600_000 },
      contextTokens: undefined,
      maxParallel: undefined,
    });
  });

  it("asks another server with or without a key, for nothing", () => {
    const config = readOpenAiConfig({ OPENAI_BASE_URL: "http://127.0.0.1:8000/v1", OPENAI_MODEL: "m" });
    expect(config.endpoint).toEqual({ baseUrl: "http://127.0.0.1:8000/v1", model: "m" });
    expect(config.prices).toEqual({ inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 0 });
  });

  it("takes prices and limits, and shows them to the router", () => {
    const env = {
      OPENAI_API_KEY: "k",
      OPENAI_MODEL: "big",
      PRICE_IN: "5000000",
      PRICE_OUT: "15000000",
      CONTEXT_TOKENS: "128000",
      MAX_PARALLEL: "4",
      NAME: "big",
    };
    expect(createOpenAiAdapter(readOpenAiConfig(env))).toMatchObject({
      name: "big",
      model: "big",
      contextTokens: 128_000,
      maxParallel: 4,
      prices: { inUsdMicrosPerMtok: 5_000_000, outUsdMicrosPerMtok: 15_000_000 },
    });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["neither key nor URL", {}, /^set OPENAI_API_KEY, or OPENAI_BASE_URL/],
    ["empty ones", { OPENAI_API_KEY: " ", OPENAI_BASE_URL: "" }, /^set OPENAI_API_KEY/],
    ["a URL that is none", { OPENAI_BASE_URL: "localhost" }, /^OPENAI_BASE_URL must be/],
    ["a URL of another kind", { OPENAI_BASE_URL: "ftp://x/v1" }, /^OPENAI_BASE_URL must be/],
    ["credentials in the URL", { OPENAI_BASE_URL: "http://a:b@x/v1" }, /^OPENAI_BASE_URL must not hold/],
    [
      "a paid model without prices",
      { OPENAI_API_KEY: "k", OPENAI_MODEL: "big" },
      /^set PRICE_IN and PRICE_OUT, .*big$/,
    ],
    ["one price", { OPENAI_API_KEY: "k", PRICE_IN: "1" }, /^set both/],
    [
      "a price that is no integer",
      { OPENAI_API_KEY: "k", PRICE_IN: "0.15", PRICE_OUT: "1" },
      /^PRICE_IN must be an integer/,
    ],
    ["a limit of 0", { OPENAI_API_KEY: "k", MAX_PARALLEL: "0" }, /^MAX_PARALLEL must be an integer/],
  ])("refuses %s, naming it", (_name, env, message) => {
    expect(() => readOpenAiConfig(env)).toThrow(ConfigError);
    expect(() => readOpenAiConfig(env)).toThrow(message);
  });
});
