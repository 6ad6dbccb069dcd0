import { describe, expect, it } from "vitest";
import { readConfig } from "../src/config.js";

describe("readConfig (part D)", () => {
  it("has defaults, and takes empty for unset", () => {
    expect(readConfig({ PORT: "", REDIS_URL: " " })).toEqual({ host: "127.0.0.1", port: 8080, logLevel: "info" });
  });

  it("reads values", () => {
    expect(readConfig({ HOST: "0.0.0.0", PORT: "0", LOG_LEVEL: "debug" })).toEqual({
      host: "0.0.0.0",
      port: 0,
      logLevel: "debug",
    });
  });

  it.each([
    ["PORT", "abc"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["LOG_LEVEL", "loud"],
  ])("names %s=%s when it is wrong", (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} .*${value}`));
  });

  it.each(["REDIS_URL", "AUTH_ISSUER", "AUTH_AUDIENCE", "OTEL_EXPORTER_OTLP_ENDPOINT"])(
    "refuses %s, whose feature this build lacks",
    (name) => {
      expect(() => readConfig({ [name]: "x" })).toThrow(new RegExp(`^${name} is set, but`));
    },
  );
});
