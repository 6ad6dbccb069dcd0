import { getHeapStatistics } from "node:v8";
import type { Logger } from "pino";
import { readConfig } from "./config.js";
import type { ProcessConfig } from "./config.js";
import { portsFromConfig, routerFromConfig } from "./from-config.js";
import { keepLearned } from "./learning-from-config.js";
import { listen } from "./listen.js";
import { logObserver, observers, processLog } from "./log.js";
import { recordLog } from "./record-log.js";
import { createMetrics } from "./metrics.js";
import { policyOf } from "./policy-from-config.js";
import { livePorts, reloader, reloadOnHangup } from "./reload.js";
import { telemetryFromConfig } from "./telemetry-from-config.js";

/** Exit code of a process whose configuration is wrong. */
const BAD_CONFIGURATION = 2;

/**
 * A router process (part D): reads the environment, listens, prints `listening on http://host:port`, drains on SIGTERM and SIGINT and
 * exits 0. A bad configuration is one clear line on standard error and a non-zero exit.
 */
export async function runRouter(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const result = readConfig(env);
  if (!result.ok) return refuse(result.message);
  const { config } = result;
  const sink = processLog(config.logLevel);
  const { log } = sink;
  const metrics = createMetrics();
  try {
    const telemetry = await telemetryFromConfig(config, log);
    const learning = config.file.learning;
    const records =
      learning?.records_file === undefined
        ? undefined
        : recordLog(learning.records_file, (error) => log.warn({ reason: error.message }, "decision records are lost"));
    const ports = await portsFromConfig(config, (state, reason) =>
      state === "ready" ? log.info("Redis is there") : log.warn({ reason }, "Redis is away: no call is started"),
    );
    const live = livePorts(ports.policy ?? policyOf(config), ports.identity);
    const router = routerFromConfig(
      config,
      observers(
        logObserver(log),
        metrics.observer,
        ...telemetry.observers,
        ...(records === undefined ? [] : [records.observer]),
      ),
      (adapter, reason) => log.warn({ adapter, reason }, "adapter answered out of bounds"),
      {
        ...ports,
        policy: live.policy,
        ...(live.identity === undefined ? {} : { identity: live.identity }),
        memoryShare: heapShare,
        ...(telemetry.tracing === undefined ? {} : { tracing: telemetry.tracing }),
      },
    );
    metrics.follow(router);
    const server = config.file.server;
    const listener = await listen(router, {
      host: config.host,
      port: config.port,
      metrics,
      ...(config.file.limits?.max_frame_bytes === undefined
        ? {}
        : { maxFrameBytes: config.file.limits.max_frame_bytes }),
      ...(server?.allowed_origins === undefined ? {} : { allowedOrigins: server.allowed_origins }),
      ...(server?.allowed_hosts === undefined ? {} : { allowedHosts: server.allowed_hosts }),
    });
    describe(config, log);
    // Ready means that the adapters were asked once; one that does not answer does not hold the others up.
    await router.ready();
    let stopping = false;
    const stop = (signal: string): void => {
      if (stopping) return;
      stopping = true;
      log.info({ signal }, "draining");
      void router
        .drain()
        .then(() => listener.close())
        .then(() => records?.close())
        .then(() => {
          if (records !== undefined && records.dropped > 0)
            log.warn({ lost: records.dropped }, "decision records found no room");
        })
        .then(() => {
          if (learning?.state_file !== undefined) keepLearned(router, learning.state_file);
        })
        .catch((error: unknown) => log.error({ reason: (error as Error).message }, "what was learned is not kept"))
        .then(() => telemetry.close())
        .then(() => sink.close())
        .then(() => process.exit(0));
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    reloadOnHangup(reloader(env, config, router, live), log);
    // Whoever reads this may send a signal at once.
    process.stdout.write(`listening on ${listener.url}\n`);
  } catch (error) {
    refuse(listenProblem(error, config) ?? (error as Error).message);
  }
}

/** How much of the heap that it may have this process uses, 0 to 1. */
function heapShare(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  return used_heap_size / heap_size_limit;
}

/** Why the address cannot be listened on, by the variable to change. */
function listenProblem(error: unknown, { host, port }: ProcessConfig): string | undefined {
  switch ((error as { code?: unknown }).code) {
    case "EADDRINUSE":
      return `PORT ${port} on ${host} is in use: set PORT to a free one, or to 0 for any.`;
    case "EACCES":
      return `PORT ${port} needs rights that this process lacks: set PORT to 1024 or above.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `HOST ${JSON.stringify(host)} is not an address of this machine.`;
    default:
      return undefined;
  }
}

function refuse(message: string): void {
  process.stderr.write(`atp-router: ${message.replaceAll("\n", " ")}\n`);
  process.exitCode = BAD_CONFIGURATION;
  // Handles that were opened before the refusal must not keep the process.
  setImmediate(() => process.exit(BAD_CONFIGURATION));
}

/** One line that says what runs where. */
function describe(config: ProcessConfig, log: Logger): void {
  const embedded = [
    config.redisUrl === undefined
      ? "budgets in process memory"
      : `budgets on Redis at ${new URL(config.redisUrl).host}${config.file.redis?.budgets === "leased" ? ", leased" : ""}`,
    identityLine(config),
    config.opaUrl === undefined ? "embedded policy (CEL)" : `policy by OPA at ${config.opaUrl}`,
  ];
  if (config.otlpUrl !== undefined) embedded.push(`traces and metrics to ${config.otlpUrl}`);
  if (config.file.telemetry?.audit !== undefined) embedded.push(`an audit log in ${config.file.telemetry.audit.file}`);
  embedded.push(config.memoryUrl === undefined ? "no shared memory" : `shared memory at ${config.memoryUrl}`);
  const adapters = config.adapterEndpoints.length + (config.file.adapters?.length ?? 0);
  log.info({ adapters, host: config.host }, `router runs with ${embedded.join(", ")}`);
}

function identityLine({ issuer, file }: ProcessConfig): string {
  const keys = file.auth?.keys?.length ?? 0;
  if (issuer === undefined && keys === 0) return "everyone is the tenant default";
  const parts = [
    ...(issuer === undefined ? [] : [`tokens of ${issuer.url}`]),
    ...(keys === 0 ? [] : [`${keys} static ${keys === 1 ? "key" : "keys"}`]),
  ];
  return `identity by ${parts.join(" and ")}`;
}
