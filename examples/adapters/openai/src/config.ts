/**
 * Configuration of the adapter from its environment.
 */
import { ConfigError, type Environment, integerSetting, type Prices, setting } from "atp-adapter-kit";
import type { ChatEndpoint } from "atp-adapter-kit/openai";

const openAiUrl = "https://api.openai.com/v1";
const defaultModel = "gpt-4o-mini";
/** OpenAI's list price of the default model. */
const defaultModelPrices: Prices = { inUsdMicrosPerMtok: 150_000, outUsdMicrosPerMtok: 600_000 };

/** What the adapter runs with. */
export interface OpenAiConfig {
  readonly name: string;
  readonly endpoint: ChatEndpoint;
  readonly prices: Prices;
  readonly contextTokens: number | undefined;
  readonly maxParallel: number | undefined;
}

/**
 * Reads `OPENAI_API_KEY` or `OPENAI_BASE_URL` (one of them is needed), `OPENAI_MODEL` (gpt-4o-mini), `NAME` (openai),
 * `PRICE_IN` and `PRICE_OUT` (micro-dollars per million tokens), `CONTEXT_TOKENS`, `MAX_PARALLEL`. Without prices a server
 * of one's own costs nothing, and the default model at OpenAI its list price.
 *
 * @throws ConfigError
 */
export function readOpenAiConfig(env: Environment): OpenAiConfig {
  const apiKey = setting(env, "OPENAI_API_KEY");
  const baseUrl = setting(env, "OPENAI_BASE_URL");
  if (apiKey === undefined && baseUrl === undefined) {
    throw new ConfigError("set OPENAI_API_KEY, or OPENAI_BASE_URL for another OpenAI-compatible server");
  }
  const url = checkUrl(baseUrl ?? openAiUrl);
  const model = setting(env, "OPENAI_MODEL") ?? defaultModel;
  return {
    name: setting(env, "NAME") ?? "openai",
    endpoint: { baseUrl: url, model, ...(apiKey === undefined ? {} : { apiKey }) },
    prices: pricesOf(env, baseUrl !== undefined, model),
    contextTokens: integerSetting(env, "CONTEXT_TOKENS", { min: 1, max: 100_000_000 }),
    maxParallel: integerSetting(env, "MAX_PARALLEL", { min: 1, max: 100_000 }),
  };
}

function pricesOf(env: Environment, ownServer: boolean, model: string): Prices {
  const range = { min: 0, max: 1_000_000_000_000 };
  const priceIn = integerSetting(env, "PRICE_IN", range);
  const priceOut = integerSetting(env, "PRICE_OUT", range);
  if (priceIn !== undefined && priceOut !== undefined) {
    return { inUsdMicrosPerMtok: priceIn, outUsdMicrosPerMtok: priceOut };
  }
  if (priceIn !== undefined || priceOut !== undefined)
    throw new ConfigError("set both PRICE_IN and PRICE_OUT, or neither");
  if (ownServer) return { inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 0 };
  if (model === defaultModel) return defaultModelPrices;
  // A paid model at price 0 would pass every dollar ceiling.
  throw new ConfigError(`set PRICE_IN and PRICE_OUT, in micro-dollars per million tokens of ${model}`);
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError("OPENAI_BASE_URL must be an http or https URL, such as http://127.0.0.1:8000/v1");
  }
  if (url.username !== "" || url.password !== "") throw new ConfigError("OPENAI_BASE_URL must not hold credentials");
  return text;
}
