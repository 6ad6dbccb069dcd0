/**
 * Configuration of the process from its environment (part D).
 */
import { z } from "zod";

/** What the process runs with. */
export interface GatewayConfig {
  /** @default "127.0.0.1" */
  readonly host: string;
  /** 0 takes a free one. @default 8080 */
  readonly port: number;
  /** @default "info" */
  readonly logLevel: string;
}

/** Configuration that cannot work. Its message is the one line the user sees. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Variables of features that this build lacks: to ignore one would be to run without what its owner asked for. */
const lacking = {
  REDIS_URL: "a shared store",
  AUTH_ISSUER: "identity",
  AUTH_AUDIENCE: "identity",
  OTEL_EXPORTER_OTLP_ENDPOINT: "telemetry export",
} as const;

const schema = z.object({
  HOST: z.string().default("127.0.0.1"),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, "must be an integer from 0 to 65535")
    .transform(Number)
    .refine((port) => port <= 65_535, "must be an integer from 0 to 65535")
    .default(8080),
  LOG_LEVEL: z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
});

/** Reads `HOST`, `PORT` and `LOG_LEVEL`; an empty value counts as unset. @throws ConfigError that names the variable */
export function readConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ""));
  for (const [name, feature] of Object.entries(lacking)) {
    if (set[name] !== undefined) throw new ConfigError(`${name} is set, but this build lacks ${feature}, so unset it`);
  }
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0]);
    throw new ConfigError(`${name} ${issue?.message ?? "is wrong"}, got ${JSON.stringify(set[name])}`);
  }
  return { host: parsed.data.HOST, port: parsed.data.PORT, logLevel: parsed.data.LOG_LEVEL };
}
