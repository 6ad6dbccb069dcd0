import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKey } from "atp-router-core/node";
import type { Processes } from "../../demo/src/processes.js";
import { type Issuer, startIssuer } from "./issuer.js";
import { startOpaStandIn } from "./opa-stand-in.js";
import { type OtlpSink, startOtlpSink } from "./otlp-sink.js";
import { onPath, startOpa, startPrometheus, startRedis } from "./servers.js";

/** One part of the diagram, as it is told. */
export interface Part {
  readonly name: string;
  /** Absent where it does not run here. */
  readonly url?: string;
  /** What stands in for it, or why it is not there. */
  readonly note?: string;
}

/** The whole diagram, up. */
export interface Stack {
  /** The router over HTTP; its WebSocket is at `/ws`. */
  readonly routerUrl: string;
  readonly memoryUrl: string;
  readonly adapters: readonly string[];
  readonly parts: readonly Part[];
  readonly issuer: Issuer;
  readonly sink: OtlpSink;
  /** A key with the scope `observe`. */
  readonly observerKey: string;
  /** Absent without `prometheus`. */
  readonly prometheusUrl?: string;
  readonly redisUrl?: string;
  /** Decisions that the policy server's stand-in was asked for; undefined beside a real OPA. */
  readonly decisions: { readonly allowed: number; readonly denied: number } | undefined;
  /** What the memory gateway logged of its answers. */
  readonly memoryAnswers: readonly MemoryAnswer[];
  readonly auditFile: string;
  /** Ends what runs in this process and removes the stack's files. Its processes are ended by their owner. */
  close(): Promise<void>;
}

/** A request that the memory gateway answered. */
export interface MemoryAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

const adapterNames = ["librarian", "persona"] as const;

/**
 * Starts the seed's whole diagram on free loopback ports: issuer, Redis, policy, collector, memory gateway, two adapters, router and
 * Prometheus. What is not installed is told as such in `parts`.
 * @throws StartError
 */
export async function startStack(processes: Processes, root: string): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "atp-stack-"));
  const parts: Part[] = [];
  const counts = { allowed: 0, denied: 0 };
  const memoryAnswers: MemoryAnswer[] = [];
  const [issuer, sink, redis, policy] = await Promise.all([
    startIssuer(),
    startOtlpSink(),
    onPath("redis-server") ? startRedis(processes, folder) : undefined,
    onPath("opa", "version")
      ? startOpa(processes, join(root, "packages/atp-router-core/policy/policy.rego"))
      : startOpaStandIn((allow) => (allow ? counts.allowed++ : counts.denied++)),
  ]);
  const standIn = "close" in policy ? policy : undefined;
  const keys = { router: createKey("router"), observer: createKey("observer") };

  const memoryKeysFile = join(folder, "memory-keys.json");
  writeFileSync(memoryKeysFile, JSON.stringify([{ id: "router", hash: keys.router.hash, tenant: "*" }]));
  const memory = processes.launch({
    name: "memory-gateway",
    command: process.execPath,
    args: [join(root, "examples/memory-gateway/dist/main.js")],
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "debug",
      AUTH_ISSUER: issuer.url,
      AUTH_AUDIENCE: issuer.audience,
      AUTH_KEYS_FILE: memoryKeysFile,
      AUDIT_FILE: join(folder, "memory-audit.jsonl"),
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    },
    urlIn: (output) => /listening on (http:\/\/\S+)/.exec(output)?.[1],
    onLine: (line) => {
      if (!line.includes('"msg":"answered"')) return;
      const { method, path, status } = JSON.parse(line) as MemoryAnswer;
      memoryAnswers.push({ method, path, status });
      memoryAnswers.splice(0, Math.max(0, memoryAnswers.length - 1_000));
    },
  });
  const librarian = processes.start("librarian", "examples/adapters/librarian", {
    NAME: "librarian",
    LIBRARIAN_MODE: "shallow",
  });
  const persona = librarian.then(({ url }) =>
    processes.start("persona", "examples/adapters/persona", {
      NAME: "persona",
      UPSTREAM: url,
      ROLE_FILE: join(root, "examples/adapters/persona/roles/auditor.yaml"),
    }),
  );
  const [gateway, ...adapters] = await Promise.all([memory, librarian, persona]);

  const auditFile = join(folder, "audit.jsonl");
  const configFile = join(folder, "router.json");
  writeFileSync(configFile, JSON.stringify(routerConfig(keys, auditFile)), { mode: 0o600 });
  const router = await processes.start("router", "examples/router", {
    ATP_CONFIG: configFile,
    ADAPTER_ENDPOINTS: JSON.stringify(adapters.map(({ url }) => url)),
    MEMORY_GATEWAY_URL: gateway.url,
    OPA_URL: policy.url,
    AUTH_ISSUER: issuer.url,
    AUTH_AUDIENCE: issuer.audience,
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "200",
    OTEL_METRIC_EXPORT_INTERVAL: "1000",
    OTEL_METRIC_EXPORT_TIMEOUT: "900",
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
  });
  const prometheus = onPath("prometheus")
    ? await startPrometheus(processes, folder, {
        routerUrl: router.url,
        key: keys.observer.key,
        rulesFile: join(root, "examples/deploy/prometheus/rules.yaml"),
      })
    : undefined;

  const missing = (program: string, note: string): Part => ({
    name: program,
    note: `${program} is not on PATH: ${note}`,
  });
  parts.push(
    { name: "router", url: router.url, note: `WebSocket at ${router.url.replace(/^http/, "ws")}/ws` },
    ...adapters.map(({ name, url }) => ({ name, url, note: "gRPC adapter" })),
    { name: "memory gateway", url: gateway.url, note: redis === undefined ? "in process memory" : "on Redis" },
    redis === undefined
      ? missing("redis-server", "budgets and memory are kept in process memory")
      : { name: "redis", url: redis.url },
    standIn === undefined
      ? { name: "opa", url: policy.url, note: "Open Policy Agent with policy.rego" }
      : {
          name: "opa stand-in",
          url: policy.url,
          note: "opa is not on PATH: this keeps OPA's REST contract and decides by the CEL form; Rego is not run",
        },
    { name: "otlp sink", url: sink.url, note: "keeps spans and metrics; stands in for an OpenTelemetry Collector" },
    { name: "issuer", url: issuer.url, note: "OpenID Connect discovery and keys, for this machine" },
    prometheus === undefined
      ? missing("prometheus", "the router's /metrics is not scraped")
      : { name: "prometheus", url: prometheus.url, note: "scrapes the router each second" },
    { name: "grafana", note: "not run here; its dashboard is examples/deploy/grafana/atp-router.json" },
  );
  return {
    routerUrl: router.url,
    memoryUrl: gateway.url,
    adapters: adapterNames,
    parts,
    issuer,
    sink,
    observerKey: keys.observer.key,
    ...(prometheus === undefined ? {} : { prometheusUrl: prometheus.url }),
    ...(redis === undefined ? {} : { redisUrl: redis.url }),
    decisions: standIn === undefined ? undefined : counts,
    memoryAnswers,
    auditFile,
    async close() {
      await Promise.all([issuer.close(), sink.close(), standIn?.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The router's configuration file: what the environment cannot say. */
function routerConfig(
  keys: Readonly<Record<"router" | "observer", { key: string; hash: string }>>,
  auditFile: string,
): object {
  return {
    auth: { keys: [{ id: "observer", hash: keys.observer.hash, tenant: "operations", scopes: ["observe"] }] },
    memory: { token: keys.router.key },
    telemetry: { audit: { file: auditFile } },
    tenants: { acme: { budget: { max_parallel: 16, max_tokens: 10_000_000, max_usd_micros: 10_000_000 } } },
    routes: [
      // Cheap first, and nearly never sure enough: the second adapter is asked too.
      { match: { task_type: "code_review" }, strategy: "cascade", min_confidence: 0.999 },
      { match: { task_type: "qa" }, strategy: "fanout" },
      { match: { task_type: "clip" }, strategy: "single", adapters: ["librarian"] },
    ],
  };
}
