import { describe, expect, it } from "vitest";
import { ConfigError, integerSetting, jsonLogger, readProcessConfig } from "../src/index.js";

describe("readProcessConfig (part D)", () => {
  it.each([
    ["nothing", {}, { host: "127.0.0.1", port: 7070, logLevel: "info" }],
    ["empty values", { HOST: "", PORT: " ", LOG_LEVEL: "" }, { host: "127.0.0.1", port: 7070, logLevel: "info" }],
    ["values", { HOST: "::1", PORT: "0", LOG_LEVEL: "debug" }, { host: "::1", port: 0, logLevel: "debug" }],
  ])("reads %s", (_name, env, config) => {
    expect(readProcessConfig(env)).toEqual(config);
  });

  it.each([
    ["PORT", { PORT: "abc" }],
    ["PORT", { PORT: "65536" }],
    ["PORT", { PORT: "-1" }],
    ["PORT", { PORT: "1e3" }],
    ["PORT", { PORT: "80.5" }],
    ["LOG_LEVEL", { LOG_LEVEL: "loud" }],
  ])("names %s when it is wrong: %j", (name, env) => {
    expect(() => readProcessConfig(env)).toThrow(ConfigError);
    expect(() => readProcessConfig(env)).toThrow(new RegExp(`^${name} must be`));
  });

  it("bounds integers", () => {
    const range = { min: 1, max: 5 };
    expect(integerSetting({ N: "5" }, "N", range)).toBe(5);
    expect(integerSetting({}, "N", range)).toBeUndefined();
    expect(() => integerSetting({ N: "6" }, "N", range)).toThrow("N must be an integer from 1 to 5");
  });
});

describe("jsonLogger", () => {
  it("writes one JSON object a line, at its level and above", () => {
    const lines: string[] = [];
    const log = jsonLogger({ level: "warn", base: { adapter: "a" }, write: (line) => lines.push(line) });
    log.info("quiet");
    log.warn("heard", { n: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", msg: "heard", adapter: "a", n: 1 });
  });
});
