/**
 * Where the kit says what happens: one JSON object a line on standard error (part D).
 */

/** Levels from the quietest to the most talkative. `silent` logs nothing. */
export const logLevels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
/** A level of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** What an embedding program may pass instead, such as a `pino` logger behind three arrows. */
export interface Logger {
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A logger that says nothing: the default of a server inside another program. */
export const silentLogger: Logger = { error: noop, warn: noop, info: noop, debug: noop };

/** Options of {@link jsonLogger}. */
export interface JsonLoggerOptions {
  /** @default "info" */
  readonly level?: LogLevel;
  /** Members of every line. */
  readonly base?: Readonly<Record<string, unknown>>;
  /** @default standard error */
  readonly write?: (line: string) => void;
}

/** A logger of JSON lines: `{level, time, msg, ...base, ...fields}`, `time` in milliseconds since 1970. */
export function jsonLogger(options: JsonLoggerOptions = {}): Logger {
  const limit = logLevels.indexOf(options.level ?? "info");
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const at =
    (level: LogLevel) =>
    (msg: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (logLevels.indexOf(level) > limit) return;
      write(`${JSON.stringify({ level, time: Date.now(), msg, ...options.base, ...fields })}\n`);
    };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

function noop(): void {
  // Deliberately nothing.
}
