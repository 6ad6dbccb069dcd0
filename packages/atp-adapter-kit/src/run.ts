/**
 * The process contract of part D for an adapter: configuration from the environment, one line when ready, one line
 * when not, an orderly end.
 */
import { jsonLogger, type LogLevel, logLevels } from "./logger.js";
import { type ServedAdapter, serveAdapter } from "./serve.js";
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
}

/** Reads `HOST` (127.0.0.1), `PORT` (7070; 0 takes a free one) and `LOG_LEVEL` (info). @throws ConfigError */
export function readProcessConfig(env: Environment): ProcessConfig {
  const level = setting(env, "LOG_LEVEL") ?? "info";
  if (!isLogLevel(level)) {
    throw new ConfigError(`LOG_LEVEL must be one of ${logLevels.join(", ")}, got ${JSON.stringify(level)}`);
  }
  return {
    host: setting(env, "HOST") ?? "127.0.0.1",
    port: integerSetting(env, "PORT", { min: 0, max: 65_535 }) ?? 7070,
    logLevel: level,
  };
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
  try {
    const config = readProcessConfig(env);
    const adapter = typeof build === "function" ? await build(env) : build;
    const log = jsonLogger({ level: config.logLevel, base: { adapter: adapter.name } });
    const served = await serveAdapter(adapter, { host: config.host, port: config.port, log }).catch(
      (thrown: unknown) => {
        throw listenError(thrown, config);
      },
    );
    log.info("ready", { url: served.url, tags: adapter.tags });
    process.stdout.write(`listening on ${served.url}\n`);
    return served;
  } catch (thrown) {
    process.stderr.write(`${startFailure(thrown)}\n`);
    process.exit(1);
  }
}

function listenError(thrown: unknown, { host, port }: ProcessConfig): unknown {
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
