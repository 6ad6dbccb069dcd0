/**
 * The memory gateway as a process (part D).
 */
import { openAuditLog, processLog, type ProcessLog } from "atp-router-core/node";
import { isLoopbackName } from "./access.js";
import { createMemoryGateway } from "./app.js";
import { ConfigError, type GatewayConfig, readConfig } from "./config.js";
import { identityOf } from "./identity.js";
import { InMemoryStore } from "./in-memory-store.js";
import type { MemoryStore } from "./memory-store.js";
import { openRedisStore } from "./redis-store.js";
import { serveGateway } from "./server.js";

const sweepEveryMs = 30_000;
const syncEveryMs = 1_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const sink = processLog(config.logLevel, { base: { name: "memory-gateway" } });
  const { log } = sink;
  const kept = await storeOf(config, log);
  const { store } = kept;
  const identity = identityOf(config);
  const audit =
    config.auditFile === undefined
      ? undefined
      : openAuditLog({
          file: config.auditFile,
          onError: (error) => log.error({ err: error }, "the audit log cannot be written"),
        });
  const app = createMemoryGateway({
    store,
    access: { loopback: isLoopbackName(config.host) },
    ...(identity === undefined ? {} : { identity }),
    ...(audit === undefined ? {} : { onAudit: ({ ...event }) => audit.append(event) }),
    onAnswer: (answer) => log.debug(answer, "answered"),
    onDefect: (id, thrown) => log.error({ id, err: thrown }, "the gateway failed"),
  });
  const running = await serveGateway(app, config.host, config.port).catch((thrown: unknown) => {
    throw listenError(thrown, config.host, config.port);
  });
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "draining");
    void running
      .close()
      .then(() => Promise.all([kept.close(), audit?.close()]))
      .then(() => sink.close())
      .then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const where =
    config.redisUrl === undefined
      ? "objects are kept in this process's memory and are gone with it"
      : `objects are kept on Redis at ${new URL(config.redisUrl).host}`;
  log.info(
    { url: running.url },
    `${where}; ${identity === undefined ? "everybody may use them" : "callers need a token"}`,
  );
  process.stdout.write(`listening on ${running.url}\n`);
}

/** Where objects are kept, and how that is ended. */
async function storeOf(
  { redisUrl, quota }: GatewayConfig,
  log: ProcessLog["log"],
): Promise<{ readonly store: MemoryStore; close(): Promise<void> }> {
  if (redisUrl === undefined) {
    const store = new InMemoryStore({ quota });
    setInterval(() => store.sweep(), sweepEveryMs).unref();
    return { store, close: async () => undefined };
  }
  const store = await openRedisStore({
    url: redisUrl,
    quota,
    onState: (state, reason) => (state === "lost" ? log.warn({ reason }, "Redis is away") : log.info("Redis is there")),
  }).catch((cause: unknown) => {
    throw new ConfigError(`REDIS_URL: ${(cause as Error).message}`);
  });
  // A search catches up by itself; this only keeps it from having much to catch up with.
  setInterval(() => void store.sync().catch(() => undefined), syncEveryMs).unref();
  return { store, close: () => store.close() };
}

function listenError(thrown: unknown, host: string, port: number): unknown {
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

try {
  await main();
} catch (thrown) {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  process.stderr.write(`cannot start: ${message.replace(/\s+/g, " ")}\n`);
  process.exit(1);
}
