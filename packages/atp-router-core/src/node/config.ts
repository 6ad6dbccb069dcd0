import { readFileSync } from "node:fs";
import { adapterAddress, contradiction } from "./config-rules.js";
import { readConfigText } from "./config-lines.js";
import { configSchema, isAdapterUrl } from "./config-schema.js";
import type { ConfigFile } from "./config-schema.js";
import { logLevels } from "./log.js";
import { isLoopback } from "./origin.js";

/** Everything a router process is told, checked. */
export interface ProcessConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  /** URLs of `ADAPTER_ENDPOINTS`. */
  readonly adapterEndpoints: readonly string[];
  readonly memoryUrl: string | undefined;
  readonly opaUrl: string | undefined;
  /** The Redis that routers share. */
  readonly redisUrl: string | undefined;
  /** Where traces and metrics go over OTLP. */
  readonly otlpUrl: string | undefined;
  /** The issuer whose tokens are taken, and what their `aud` must name. */
  readonly issuer: { readonly url: string; readonly audience: string | readonly string[] } | undefined;
  readonly file: ConfigFile;
}

/** A configuration, or the one line that says what is wrong with it. */
export type ConfigResult =
  | { readonly ok: true; readonly config: ProcessConfig }
  | { readonly ok: false; readonly message: string };

/** What was wrong; its message is one line. */
class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads and checks environment and configuration file (part D). Nothing that is set is ever ignored. */
export function readConfig(env: Env): ConfigResult {
  try {
    return { ok: true, config: read(env) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ok: false, message: error.message };
  }
}

function read(env: Env): ProcessConfig {
  const host = variable(env, "HOST") ?? "127.0.0.1";
  const logLevel = variable(env, "LOG_LEVEL") ?? "info";
  if (!(logLevels as readonly string[]).includes(logLevel))
    throw new ConfigError(`LOG_LEVEL is ${quote(logLevel)}, not one of ${logLevels.join(", ")}.`);
  const { file, at: inFile } = readFile(variable(env, "ATP_CONFIG"));
  const config: ProcessConfig = {
    host,
    port: portOf(variable(env, "PORT") ?? "7443"),
    logLevel,
    adapterEndpoints: endpoints(variable(env, "ADAPTER_ENDPOINTS")),
    memoryUrl: urlOf(env, "MEMORY_GATEWAY_URL") ?? file.memory?.url,
    opaUrl: urlOf(env, "OPA_URL") ?? file.policy?.url,
    redisUrl: redisOf(env, file),
    otlpUrl: urlOf(env, "OTEL_EXPORTER_OTLP_ENDPOINT") ?? file.telemetry?.otlp,
    issuer: issuerOf(env, file),
    file,
  };
  const identity = config.issuer !== undefined || (file.auth?.keys?.length ?? 0) > 0;
  if (identity && file.auth?.allow_anonymous === true)
    throw new ConfigError("auth.allow_anonymous is true beside an issuer or keys. Remove one of them.");
  if (!isLoopback(host) && !identity && file.auth?.allow_anonymous !== true) {
    throw new ConfigError(
      `HOST is ${quote(host)}, beyond loopback, and there is no identity: anybody could spend. Set AUTH_ISSUER and AUTH_AUDIENCE, or auth.keys in ATP_CONFIG, or auth.allow_anonymous: true if that is meant.`,
    );
  }
  const { service_name, sample_ratio, capture_content } = file.telemetry ?? {};
  const useless = Object.entries({ service_name, sample_ratio, capture_content }).find(([, v]) => v !== undefined);
  if (useless !== undefined && config.otlpUrl === undefined)
    throw new ConfigError(
      `telemetry.${useless[0]} is for traces, but neither OTEL_EXPORTER_OTLP_ENDPOINT nor telemetry.otlp says where they go.`,
    );
  const wrong = contradiction(file, config.opaUrl);
  if (wrong !== undefined) throw new ConfigError(inFile(wrong));
  if (file.memory?.token !== undefined && config.memoryUrl === undefined)
    throw new ConfigError("memory.token is set without MEMORY_GATEWAY_URL or memory.url.");
  return config;
}

/** An empty variable is one that is not set. */
function variable(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

function redisOf(env: Env, { redis }: ConfigFile): string | undefined {
  const text = variable(env, "REDIS_URL");
  if (text !== undefined && !(/^rediss?:\/\//.test(text) && URL.canParse(text)))
    throw new ConfigError(`REDIS_URL is ${quote(text)}, not a redis: or rediss: URL.`);
  const url = text ?? redis?.url;
  const useless = url === undefined ? Object.entries(redis ?? {}).find(([, value]) => value !== undefined) : undefined;
  if (useless !== undefined)
    throw new ConfigError(`redis.${useless[0]} is set, but neither REDIS_URL nor redis.url says where it is.`);
  return url;
}

function issuerOf(env: Env, { auth }: ConfigFile): ProcessConfig["issuer"] {
  const url = urlOf(env, "AUTH_ISSUER") ?? auth?.issuer;
  const audience = variable(env, "AUTH_AUDIENCE") ?? auth?.audience;
  if (url !== undefined && audience !== undefined) return { url, audience };
  if (url !== undefined)
    throw new ConfigError(
      "An issuer is set without AUTH_AUDIENCE or auth.audience: its tokens for others would be taken.",
    );
  if (audience !== undefined) throw new ConfigError("An audience is set without AUTH_ISSUER or auth.issuer.");
  const { jwks_url, algorithms, types, claims, default_tenant, clock_tolerance_s } = auth ?? {};
  const useless = Object.entries({ jwks_url, algorithms, types, claims, default_tenant, clock_tolerance_s }).find(
    ([, value]) => value !== undefined,
  );
  if (useless !== undefined) throw new ConfigError(`auth.${useless[0]} is for tokens of an issuer, but none is set.`);
  return undefined;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new ConfigError(`PORT is ${quote(text)}, not a number from 0 to 65535.`);
  return port;
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}

function urlOf(env: Env, name: string): string | undefined {
  const text = variable(env, name);
  if (text !== undefined && !isHttpUrl(text))
    throw new ConfigError(`${name} is ${quote(text)}, not an http: or https: URL.`);
  return text;
}

function endpoints(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new ConfigError(
      `ADAPTER_ENDPOINTS is ${quote(text)}, not a JSON array of URLs such as ["http://127.0.0.1:7070"].`,
    );
  }
  if (!Array.isArray(list))
    throw new ConfigError('ADAPTER_ENDPOINTS is not a JSON array of URLs such as ["http://127.0.0.1:7070"].');
  const addresses = new Set<string>();
  for (const [i, url] of (list as unknown[]).entries()) {
    if (typeof url !== "string" || !isAdapterUrl(url))
      throw new ConfigError(
        `ADAPTER_ENDPOINTS[${i}] is ${JSON.stringify(url)}, not http://host:port or https://host:port.`,
      );
    const address = adapterAddress(url);
    if (addresses.has(address)) throw new ConfigError(`ADAPTER_ENDPOINTS[${i}] names ${address} a second time.`);
    addresses.add(address);
  }
  return [...addresses];
}

/** A file's content, and what says where something in it stands. */
interface Read {
  readonly file: ConfigFile;
  /** The message with the file's name, and the line of the key that it begins with. */
  readonly at: (message: string) => string;
}

function readFile(path: string | undefined): Read {
  if (path === undefined) return { file: {}, at: (message) => message };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`ATP_CONFIG names ${quote(path)}, which cannot be read: ${(error as Error).message}.`);
  }
  const { content = {}, broken, lineOf } = readConfigText(text);
  if (broken !== undefined) throw new ConfigError(`${path}: ${broken}`);
  const line = (where: readonly PropertyKey[]): string => {
    const found = where.length === 0 ? undefined : lineOf(where);
    return found === undefined ? path : `${path} line ${found}`;
  };
  const parsed = configSchema.safeParse(content ?? {});
  const at = (message: string): string => `${line((message.split(/[ :]/, 1)[0] ?? "").split("."))}: ${message}`;
  if (parsed.success) return { file: parsed.data, at };
  const { issue, path: where } = deepest(parsed.error.issues[0]);
  if (issue?.code === "unrecognized_keys") {
    const key = [...where, issue.keys[0] ?? ""];
    throw new ConfigError(`${line(key)}: ${key.map(String).join(".")} is not a key of the configuration.`);
  }
  const name = where.map(String).join(".") || "the file";
  throw new ConfigError(`${line(where)}: ${name}: ${issue?.message ?? "is malformed"}.`);
}

type Issue = NonNullable<ReturnType<typeof configSchema.safeParse>["error"]>["issues"][number];

/** Of something that may be one of several things, what is wrong with the one that it is most like. */
function deepest(issue: Issue | undefined): { readonly issue: Issue | undefined; readonly path: PropertyKey[] } {
  const path = [...(issue?.path ?? [])];
  if (issue?.code !== "invalid_union") return { issue, path };
  const inner = issue.errors.flat().map((one) => deepest(one));
  const [best] = inner.sort((a, b) => b.path.length - a.path.length);
  return best === undefined || best.path.length === 0
    ? { issue, path }
    : { issue: best.issue, path: [...path, ...best.path] };
}
