/**
 * The memory gateway as a process (part D).
 */
import { pino } from "pino";
import { isLoopbackName } from "./access.js";
import { createMemoryGateway } from "./app.js";
import { ConfigError, readConfig } from "./config.js";
import { InMemoryStore } from "./in-memory-store.js";
import { serveGateway } from "./server.js";

const sweepEveryMs = 30_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ name: "memory-gateway", level: config.logLevel }, pino.destination({ fd: 2, sync: true }));
  const store = new InMemoryStore();
  const app = createMemoryGateway({
    store,
    access: { loopback: isLoopbackName(config.host) },
    onAnswer: (answer) => log.debug(answer, "answered"),
    onDefect: (id, thrown) => log.error({ id, err: thrown }, "the gateway failed"),
  });
  const running = await serveGateway(app, config.host, config.port).catch((thrown: unknown) => {
    throw listenError(thrown, config.host, config.port);
  });
  setInterval(() => store.sweep(), sweepEveryMs).unref();
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "draining");
    void running.close().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  log.info({ url: running.url }, "objects are kept in this process's memory and are gone with it");
  process.stdout.write(`listening on ${running.url}\n`);
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
