import { describe, expect, it } from "vitest";
import { readConfig } from "../src/config.js";

describe("readConfig (part D)", () => {
  it("has defaults, and takes empty for unset", () => {
    expect(readConfig({ PORT: "", REDIS_URL: " " })).toEqual({
      host: "127.0.0.1",
      port: 8080,
      logLevel: "info",
      quota: {},
    });
  });

  it("reads values", () => {
    expect(
      readConfig({
        HOST: "0.0.0.0",
        PORT: "0",
        LOG_LEVEL: "debug",
        REDIS_URL: "redis://127.0.0.1:6379",
        AUTH_ISSUER: "https://login.example.com",
        AUTH_AUDIENCE: "memory",
        AUTH_KEYS_FILE: "keys.json",
        AUDIT_FILE: "audit.jsonl",
        TENANT_MAX_BYTES: "1000",
        TENANT_MAX_OBJECTS: "10",
      }),
    ).toEqual({
      host: "0.0.0.0",
      port: 0,
      logLevel: "debug",
      redisUrl: "redis://127.0.0.1:6379",
      issuer: { url: "https://login.example.com", audience: "memory" },
      keysFile: "keys.json",
      auditFile: "audit.jsonl",
      quota: { maxBytes: 1_000, maxObjects: 10 },
    });
  });

  it.each([
    ["PORT", "abc"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["LOG_LEVEL", "loud"],
    ["REDIS_URL", "http://x"],
    ["AUTH_ISSUER", "x"],
    ["TENANT_MAX_BYTES", "0"],
    ["TENANT_MAX_OBJECTS", "1.5"],
    ["ALLOW_ANONYMOUS", "yes"],
  ])("names %s=%s when it is wrong", (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} .*${value}`));
  });

  it.each([
    [{ AUTH_ISSUER: "https://x" }, /^AUTH_ISSUER is set without AUTH_AUDIENCE/],
    [{ AUTH_AUDIENCE: "x" }, /^AUTH_AUDIENCE is set without AUTH_ISSUER/],
    [{ HOST: "0.0.0.0" }, /^HOST 0.0.0.0 is beyond loopback/],
    [{ HOST: "0.0.0.0", ALLOW_ANONYMOUS: "false" }, /^HOST 0.0.0.0 is beyond loopback/],
  ])("refuses %j", (env, message) => {
    expect(() => readConfig(env)).toThrow(message);
  });

  it("lets everybody in beyond loopback only when that is said", () => {
    expect(readConfig({ HOST: "0.0.0.0", ALLOW_ANONYMOUS: "true" }).host).toBe("0.0.0.0");
  });

  it.each(["OTEL_EXPORTER_OTLP_ENDPOINT"])("refuses %s, whose feature this build lacks", (name) => {
    expect(() => readConfig({ [name]: "x" })).toThrow(new RegExp(`^${name} is set, but`));
  });
});
