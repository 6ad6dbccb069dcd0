import { ConfigError } from "atp-adapter-kit";
import { describe, expect, it } from "vitest";
import { readPersonaConfig } from "../src/config.js";

describe("readPersonaConfig", () => {
  it("takes another adapter as upstream", () => {
    expect(readPersonaConfig({ UPSTREAM: "http://127.0.0.1:7070/" })).toMatchObject({
      name: "persona_adapter",
      upstream: { kind: "adapter", url: "http://127.0.0.1:7070" },
    });
  });

  it("takes an OpenAI-compatible URL as upstream", () => {
    const env = {
      UPSTREAM: "http://h/openai/v1",
      UPSTREAM_API_KEY: "k",
      UPSTREAM_MODEL: "m",
      PRICE_IN: "1",
      PRICE_OUT: "2",
      NAME: "n",
      ROLE_FILE: "r.yaml",
    };
    expect(readPersonaConfig(env)).toEqual({
      name: "n",
      roleFile: "r.yaml",
      upstream: {
        kind: "chat",
        endpoint: { baseUrl: "http://h/openai/v1", apiKey: "k", model: "m" },
        prices: { inUsdMicrosPerMtok: 1, outUsdMicrosPerMtok: 2 },
      },
    });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["no upstream", {}, /^set UPSTREAM to another adapter/],
    ["an address that is no URL", { UPSTREAM: "localhost:7070" }, /^UPSTREAM must be an http or https URL/],
    ["credentials", { UPSTREAM: "http://a:b@h:1" }, /^UPSTREAM must not hold credentials/],
    ["a price that is no integer", { UPSTREAM: "http://h/v1", PRICE_IN: "x" }, /^PRICE_IN must be an integer/],
  ])("refuses %s", (_name, env, message) => {
    expect(() => readPersonaConfig(env)).toThrow(ConfigError);
    expect(() => readPersonaConfig(env)).toThrow(message);
  });
});
