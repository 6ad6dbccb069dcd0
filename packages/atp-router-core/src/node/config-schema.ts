import { strategies } from "atp-protocol";
import * as z from "zod";
import { redactKinds } from "../policy/index.js";
import { tailsSchema } from "./config-tails.js";

const uint = z.int().min(0);
const positive = z.int().min(1);
const lane = z.enum(["gold", "silver", "bronze"]);
const url = z
  .string()
  .refine((text) => /^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text), "must be an http: or https: URL");
/** gRPC has no paths and takes no credentials from an address: one that is given is a mistake. */
export function isAdapterUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, pathname, search, hash } = new URL(text);
  return username === "" && pathname === "/" && search === "" && hash === "";
}
const adapterUrl = z.string().refine(isAdapterUrl, "must be http://host:port or https://host:port");
const share = z.number().min(0).max(1);

const budget = z.strictObject({
  max_parallel: uint.optional(),
  max_tokens: uint.optional(),
  max_usd_micros: uint.optional(),
});

/** A tenant's budget: for ever, for a period of the calendar in UTC, or for the last `sliding_s` seconds (a day). */
const tenantBudget = budget.extend({
  period: z.enum(["hour", "day", "month", "sliding"]).optional(),
  sliding_s: positive.max(31_622_400).optional(),
});

const laneConfig = z.strictObject({
  weight: positive.optional(),
  reserved: uint.optional(),
  /** How much of its time to its deadline a call may wait. */
  wait_share: z.number().gt(0).max(1).optional(),
});

const names = z.array(z.string().min(1));

/** Who may come in: tokens of an issuer, static keys, or both. */
const authConfig = z.strictObject({
  /** Lets everyone in as the tenant `default`, also beyond loopback. */
  allow_anonymous: z.boolean().optional(),
  issuer: url.optional(),
  audience: z.union([z.string().min(1), names.min(1)]).optional(),
  jwks_url: url.optional(),
  algorithms: names.min(1).optional(),
  types: names.min(1).optional(),
  clock_tolerance_s: uint.max(600).optional(),
  default_tenant: z.string().min(1).optional(),
  claims: z
    .strictObject({
      tenant: z.string().min(1).optional(),
      subject: z.string().min(1).optional(),
      roles: z.string().min(1).optional(),
      scopes: z.string().min(1).optional(),
    })
    .optional(),
  keys: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[A-Za-z0-9.-]{1,64}$/, "must be 1 to 64 letters, digits, dots and hyphens"),
        hash: z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hexadecimal digits"),
        tenant: z.string().min(1),
        subject: z.string().min(1).optional(),
        roles: names.optional(),
        scopes: z.array(z.enum(["stream", "observe", "operate"])).optional(),
        expires_at: z.iso.datetime({ offset: true }).optional(),
        limits: budget.optional(),
        lanes: z.array(lane).min(1).optional(),
      }),
    )
    .optional(),
});

/** Every key of the configuration file (part D). A wrong one is named by its path. */
export const configSchema = z.strictObject({
  adapters: z
    .array(
      z.strictObject({
        url: adapterUrl,
        name: z.string().min(1).optional(),
        tags: z.array(z.string()).optional(),
        /** Where it runs; becomes the tag `region:<name>`. */
        region: z.string().min(1).optional(),
        /** Micro-dollars per million tokens. */
        price: z.strictObject({ in: uint, out: uint }).optional(),
        max_parallel: positive.optional(),
        context_tokens: positive.optional(),
        /** Files in PEM for `https:`; `cert_file` and `key_file` are the router's own, for mutual TLS. */
        tls: z
          .strictObject({
            ca_file: z.string().min(1).optional(),
            cert_file: z.string().min(1).optional(),
            key_file: z.string().min(1).optional(),
          })
          .optional(),
        /** What the router shows this adapter: a file that holds a token, or a client of an issuer. */
        token_file: z.string().min(1).optional(),
        client_credentials: z
          .strictObject({
            token_url: url,
            client_id: z.string().min(1),
            client_secret_file: z.string().min(1),
            scope: z.string().min(1).optional(),
            audience: z.string().min(1).optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  routes: z
    .array(
      z.strictObject({
        match: z.strictObject({ task_type: z.string().optional(), qos: lane.optional() }),
        strategy: z.enum(strategies).optional(),
        adapters: z.array(z.string()).min(1).optional(),
        tags: z.array(z.string()).optional(),
        min_confidence: share.optional(),
        min_agreement: share.optional(),
        quorum: z.int().min(2).optional(),
        /** The most that each of its streams may spend. */
        budget: budget.optional(),
      }),
    )
    .optional(),
  tenants: z
    .record(
      z.string(),
      z.strictObject({
        budget: tenantBudget.optional(),
        lanes: z.array(lane).min(1).optional(),
        allow_tools: z.array(z.string()).optional(),
      }),
    )
    .optional(),
  lanes: z
    .strictObject({
      gold: laneConfig.optional(),
      silver: laneConfig.optional(),
      bronze: laneConfig.optional(),
      /** What a token of input and of output costs a tenant in its lane. */
      cost: z.strictObject({ in: positive, out: positive }).optional(),
      /** Cut running bronze for gold that waits too long. */
      preempt: z.boolean().optional(),
      /** Learn how many calls each adapter takes at once. */
      learn_limits: z.boolean().optional(),
    })
    .optional(),
  limits: z
    .strictObject({
      lease: z
        .strictObject({
          max_parallel: positive.optional(),
          max_tokens: positive.optional(),
          max_usd_micros: uint.optional(),
        })
        .optional(),
      heartbeat_ms: positive.optional(),
      max_idle_ms: positive.optional(),
      max_frame_bytes: z.int().min(1_024).optional(),
      max_message_bytes: z.int().min(1_024).optional(),
      max_streams: positive.optional(),
      retention_ms: positive.optional(),
      retention_bytes: z.int().min(1_024).optional(),
      memory_budget_bytes: z.int().min(1_048_576).optional(),
      frames_per_s: positive.optional(),
      drain_ms: uint.optional(),
      protocol_errors_per_min: positive.optional(),
      max_concurrent_calls: positive.optional(),
      estimate_timeout_ms: positive.optional(),
      memory_timeout_ms: positive.optional(),
      policy_timeout_ms: positive.optional(),
      max_stream_ms: positive.optional(),
      max_window_wait_ms: uint.optional(),
    })
    .optional(),
  policy: z
    .strictObject({
      engine: z.enum(["cel", "opa", "wasm"]).optional(),
      rules: z.array(z.strictObject({ expr: z.string().min(1), reason: z.string().optional() })).optional(),
      url: url.optional(),
      path: z.string().startsWith("/").optional(),
      timeout_ms: positive.optional(),
      token: z.string().optional(),
      /** How long OPA's decision counts for the same input. */
      cache_ms: uint.max(3_600_000).optional(),
      /** For `wasm`: what `opa build -t wasm` made, and the rule in it. */
      file: z.string().min(1).optional(),
      entrypoint: z.string().min(1).optional(),
    })
    .optional(),
  telemetry: z
    .strictObject({
      /** OTLP over HTTP, such as `http://127.0.0.1:4318`; like OTEL_EXPORTER_OTLP_ENDPOINT. */
      otlp: url.optional(),
      service_name: z.string().min(1).optional(),
      sample_ratio: share.optional(),
      /** Write prompts into traces, where no data scope forbids it. */
      capture_content: z.boolean().optional(),
      /** An append-only log whose records hold one another. */
      audit: z.strictObject({ file: z.string().min(1), key_file: z.string().min(1).optional() }).optional(),
    })
    .optional(),
  /** Answers that are given again for equal questions of one tenant; absent: none are. */
  cache: z
    .strictObject({
      ttl_s: positive,
      max_answers: positive.optional(),
      max_bytes: positive.optional(),
    })
    .optional(),
  redis: z
    .strictObject({
      /** Like REDIS_URL. */
      url: z
        .string()
        .refine((text) => /^rediss?:\/\//.test(text) && URL.canParse(text), "must be a redis: or rediss: URL")
        .optional(),
      /** What every key begins with; routers that share budgets share it. */
      prefix: z.string().min(1).optional(),
      timeout_ms: positive.optional(),
      /** `exact`: each hold asks Redis. `leased`: a router borrows chunks and holds inside them. */
      budgets: z.enum(["exact", "leased"]).optional(),
      /** Any router takes any resume: what is said is kept in Redis too. @default false */
      replay: z.boolean().optional(),
    })
    .optional(),
  /** What a `data_scope` label requires. Labels that are not here mean nothing, unless `strict`. */
  data_scopes: z
    .record(
      z.string(),
      z.strictObject({
        require_tags: names.optional(),
        region: z.string().min(1).optional(),
        redact: z.union([z.literal(true), z.array(z.enum(redactKinds)).min(1)]).optional(),
        forbid: z
          .array(z.enum(["log", "memory"]))
          .min(1)
          .optional(),
      }),
    )
    .optional(),
  /** Labels that `data_scopes` does not name deny the request. */
  data_scopes_strict: z.boolean().optional(),
  allow_tools: z.array(z.string()).optional(),
  memory: z.strictObject({ url: url.optional(), token: z.string().optional() }).optional(),
  auth: authConfig.optional(),
  /** Signed frames (A10). */
  integrity: z
    .strictObject({
      /** Refuse principals without a key. */
      required: z.boolean().optional(),
      /** A principal that has a key must sign with it. A file holds 32 bytes or more in base64. */
      keys: z
        .array(
          z.strictObject({
            tenant: z.string().min(1),
            subject: z.string().min(1),
            key_file: z.string().min(1),
          }),
        )
        .optional(),
    })
    .optional(),
  learning: z
    .strictObject({
      mode: z.enum(["off", "observe", "apply"]).optional(),
      /** Names this router among those it merges with. */
      replica: z.string().min(1).max(64).optional(),
      /** By task type, then by adapter. */
      priors: z
        .record(
          z.string(),
          z.record(z.string(), z.strictObject({ accuracy: share, weight: z.number().min(0).max(10_000) })),
        )
        .optional(),
      explore_first: uint.optional(),
      /** Share of the decisions of `auto` that are drawn by lot, for the records' sake. */
      explore_share: z.number().min(0).max(0.2).optional(),
      /** Tried in shadow, paid by `tenant`, until a sequential test promotes or rejects it. */
      challenge: z
        .strictObject({
          champion: z.string().min(1),
          challenger: z.string().min(1),
          share: z.number().min(0.01).max(0.05),
          tenant: z.string().min(1).optional(),
        })
        .optional(),
      target_usd_micros: positive.optional(),
      value_usd_micros: z.record(z.string(), positive).optional(),
      /** A fitted policy, checked at start: with `apply` it decides the task types that it knows. */
      policy_file: z.string().min(1).optional(),
      /** Read at start, written at the end. */
      state_file: z.string().min(1).optional(),
      /** Decision records are appended here, one JSON line each. */
      records_file: z.string().min(1).optional(),
    })
    .optional(),
  tails: tailsSchema.optional(),
  server: z
    .strictObject({
      allowed_origins: z.array(z.string()).optional(),
      allowed_hosts: z.array(z.string()).optional(),
      /** Where clients move when this router drains, such as `wss://routers.example.com/ws`. */
      resume_url: z
        .string()
        .refine((text) => /^wss?:\/\//.test(text) && URL.canParse(text), "must be a ws: or wss: URL")
        .optional(),
    })
    .optional(),
});

/** The configuration file's content. */
export type ConfigFile = z.infer<typeof configSchema>;
