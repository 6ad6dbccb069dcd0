/**
 * The process contract of part D for an adapter: configuration from the environment, one line when ready, one line
 * when not, an orderly end.
 */
import { readFileSync } from "node:fs";
import { type Authorize, sharedToken } from "./authorize.js";
import { jsonLogger, type LogLevel, logLevels } from "./logger.js";
import { type ServedAdapter, serveAdapter, type ServeTls } from "./serve.js";
import type { Adapter } from "./types.js";

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Configuration that cannot work. Its message is the one line the user sees: it names the variable and the remedy. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** What {@link runAdapter} reads from the environment. */
export interface ProcessConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly tls?: ServeTls;
  readonly authorize?: Authorize;
  readonly allowAnonymous?: boolean;
}

/**
 * Reads `HOST` (127.0.0.1), `PORT` (7070; 0 takes a free one), `LOG_LEVEL` (info), and who may call: `TLS_CERT_FILE` and
 * `TLS_KEY_FILE`, with `TLS_CA_FILE` for mutual TLS, `TOKEN_FILE` whose content every call must show, `ALLOW_ANONYMOUS`.
 * @throws ConfigError
 */
export function readProcessConfig(env: Environment): ProcessConfig {
  const level = setting(env, "LOG_LEVEL") ?? "info";
  if (!isLogLevel(level)) {
    throw new ConfigError(`LOG_LEVEL must be one of ${logLevels.join(", ")}, got ${JSON.stringify(level)}`);
  }
  return {
    host: setting(env, "HOST") ?? "127.0.0.1",
    port: integerSetting(env, "PORT", { min: 0, max: 65_535 }) ?? 7070,
    logLevel: level,
    ...(flag(env, "ALLOW_ANONYMOUS") ? { allowAnonymous: true } : {}),
    ...tlsOf(env),
    ...tokenOf(env),
  };
}

function tlsOf(env: Environment): { readonly tls?: ServeTls } {
  const cert = fileSetting(env, "TLS_CERT_FILE");
  const key = fileSetting(env, "TLS_KEY_FILE");
  const ca = fileSetting(env, "TLS_CA_FILE");
  if (cert !== undefined && key !== undefined) return { tls: { cert, key, ...(ca === undefined ? {} : { ca }) } };
  if (cert !== undefined || key !== undefined || ca !== undefined)
    throw new ConfigError("TLS needs both TLS_CERT_FILE and TLS_KEY_FILE");
  return {};
}

function tokenOf(env: Environment): { readonly authorize?: Authorize } {
  const token = fileSetting(env, "TOKEN_FILE")?.trim();
  if (token === "") throw new ConfigError("TOKEN_FILE is empty");
  return token === undefined ? {} : { authorize: sharedToken(token) };
}

function fileSetting(env: Environment, name: string): string | undefined {
  const path = setting(env, name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new ConfigError(`${name} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function flag(env: Environment, name: string): boolean {
  const value = setting(env, name) ?? "false";
  if (value !== "true" && value !== "false") {
    throw new ConfigError(`${name} must be true or false, got ${JSON.stringify(value)}`);
  }
  return value === "true";
}

/** A variable's value; unset and empty are both undefined. */
export function setting(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** A variable's value as an integer in a range. @throws ConfigError */
export function integerSetting(
  env: Environment,
  name: string,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const value = setting(env, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= range.min && number <= range.max)) {
    const bounds = `${String(range.min)} to ${String(range.max)}`;
    throw new ConfigError(`${name} must be an integer from ${bounds}, got ${JSON.stringify(value)}`);
  }
  return number;
}

/**
 * Runs an adapter as this process. `build` makes it from the environment and may throw a {@link ConfigError}. Prints
 * `listening on http://host:port` on standard output once ready; drains and exits 0 on SIGTERM. A process that cannot
 * start says why in one line on standard error and exits 1; the promise then never resolves.
 */
export async function runAdapter(
  build: Adapter | ((env: Environment) => Adapter | Promise<Adapter>),
  env: Environment = process.env,
): Promise<ServedAdapter> {
  const [served] = await runAdapters(
    async () => [{ adapter: typeof build === "function" ? await build(env) : build }],
    env,
  );
  return served as ServedAdapter;
}

/** An adapter of a process that has several. */
export interface AdapterAtPort {
  readonly adapter: Adapter;
  /** 0 takes a free one. @default `PORT` */
  readonly port?: number;
}

/**
 * Runs several adapters as this process, each at a port of its own, as {@link runAdapter} runs one: a line `listening on` for
 * each, in their order, once all are ready; a signal drains all of them.
 */
export async function runAdapters(
  build: (env: Environment) => readonly AdapterAtPort[] | Promise<readonly AdapterAtPort[]>,
  env: Environment = process.env,
): Promise<readonly ServedAdapter[]> {
  try {
    const { logLevel, ...config } = readProcessConfig(env);
    const all: ServedAdapter[] = [];
    const closed = (signal: NodeJS.Signals): void => {
      log.info("draining", { signal });
      void Promise.all(all.map((served) => served.close())).then(() => process.exit(0));
    };
    const log = jsonLogger({ level: logLevel });
    for (const { adapter, port = config.port } of await build(env)) {
      const own = jsonLogger({ level: logLevel, base: { adapter: adapter.name } });
      const serving = { ...config, port, handleSignals: false, log: own };
      const served = await serveAdapter(adapter, serving).catch((thrown: unknown) => {
        throw listenError(thrown, serving);
      });
      own.info("ready", { url: served.url, tags: adapter.tags });
      all.push(served);
    }
    process.once("SIGTERM", closed);
    process.once("SIGINT", closed);
    process.stdout.write(all.map(({ url }) => `listening on ${url}\n`).join(""));
    return all;
  } catch (thrown) {
    process.stderr.write(`${startFailure(thrown)}\n`);
    process.exit(1);
  }
}

function listenError(thrown: unknown, { host, port }: Pick<ProcessConfig, "host" | "port">): unknown {
  const code = (thrown as { code?: unknown }).code;
  if (code === "EADDRINUSE") {
    return new ConfigError(`PORT ${String(port)} on ${host} is in use: set PORT to a free one, or to 0 for any`);
  }
  if (code === "EACCES") return new ConfigError(`PORT ${String(port)} needs rights that this process lacks`);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new ConfigError(`HOST ${JSON.stringify(host)} is not an address of this machine`);
  }
  return thrown;
}

function startFailure(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return `cannot start: ${message.replace(/\s+/g, " ")}`;
}

function isLogLevel(value: string): value is LogLevel {
  return (logLevels as readonly string[]).includes(value);
}
