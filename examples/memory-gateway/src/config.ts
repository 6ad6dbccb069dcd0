/**
 * Configuration of the process from its environment (part D).
 */
import { z } from "zod";
import { isLoopbackName } from "./access.js";
import type { Quota } from "./memory-store.js";

/** What the process runs with. */
export interface GatewayConfig {
  /** @default "127.0.0.1" */
  readonly host: string;
  /** 0 takes a free one. @default 8080 */
  readonly port: number;
  /** @default "info" */
  readonly logLevel: string;
  /** Objects are kept there. @default this process's memory */
  readonly redisUrl?: string;
  /** Whose tokens are taken. */
  readonly issuer?: { readonly url: string; readonly audience: string };
  /** A JSON file of static keys. */
  readonly keysFile?: string;
  /** Where writes and refusals are written down. */
  readonly auditFile?: string;
  readonly quota: Quota;
}

/** Configuration that cannot work. Its message is the one line the user sees. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Variables of features that this build lacks: to ignore one would be to run without what its owner asked for. */
const lacking = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "telemetry export",
} as const;

const count = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, "must be a positive integer")
  .transform(Number);
const httpUrl = z.string().refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), "must be an http: URL");

const schema = z.object({
  HOST: z.string().default("127.0.0.1"),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, "must be an integer from 0 to 65535")
    .transform(Number)
    .refine((port) => port <= 65_535, "must be an integer from 0 to 65535")
    .default(8080),
  LOG_LEVEL: z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
  REDIS_URL: z
    .string()
    .refine((text) => /^rediss?:\/\//.test(text) && URL.canParse(text), "must be a redis: or rediss: URL")
    .optional(),
  AUTH_ISSUER: httpUrl.optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_KEYS_FILE: z.string().optional(),
  ALLOW_ANONYMOUS: z.enum(["true", "false"]).optional(),
  TENANT_MAX_BYTES: count.optional(),
  TENANT_MAX_OBJECTS: count.optional(),
  AUDIT_FILE: z.string().optional(),
});

/**
 * Reads the process's variables; an empty value counts as unset.
 * @throws ConfigError that names the variable
 */
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
  const { HOST: host, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_KEYS_FILE: keysFile, ...rest } = parsed.data;
  if (issuer === undefined && audience !== undefined) throw new ConfigError("AUTH_AUDIENCE is set without AUTH_ISSUER");
  if (issuer !== undefined && audience === undefined)
    throw new ConfigError("AUTH_ISSUER is set without AUTH_AUDIENCE, whose tokens would be taken");
  const known = issuer !== undefined || keysFile !== undefined;
  if (!known && !isLoopbackName(host) && rest.ALLOW_ANONYMOUS !== "true")
    throw new ConfigError(
      `HOST ${host} is beyond loopback, and everybody could read and write: set AUTH_ISSUER and AUTH_AUDIENCE, or ` +
        "AUTH_KEYS_FILE, or ALLOW_ANONYMOUS=true if that is meant",
    );
  return {
    host,
    port: rest.PORT,
    logLevel: rest.LOG_LEVEL,
    ...(rest.REDIS_URL === undefined ? {} : { redisUrl: rest.REDIS_URL }),
    ...(issuer === undefined || audience === undefined ? {} : { issuer: { url: issuer, audience } }),
    ...(keysFile === undefined ? {} : { keysFile }),
    ...(rest.AUDIT_FILE === undefined ? {} : { auditFile: rest.AUDIT_FILE }),
    quota: {
      ...(rest.TENANT_MAX_BYTES === undefined ? {} : { maxBytes: rest.TENANT_MAX_BYTES }),
      ...(rest.TENANT_MAX_OBJECTS === undefined ? {} : { maxObjects: rest.TENANT_MAX_OBJECTS }),
    },
  };
}
