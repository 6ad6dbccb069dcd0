import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real redis-server on a free port, with an append-only file, so that a restart keeps what was acknowledged. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port and file. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  dispose(): Promise<void>;
}

const present = spawnSync("redis-server", ["--version"]).error === undefined;

/** Why tests that need a server are skipped here; undefined when they run. With ATP_REQUIRE_ALL a missing server is a failure. */
export const withoutRedis: string | undefined =
  present || process.env["ATP_REQUIRE_ALL"] === "1" ? undefined : "redis-server is not installed";

/** Starts a server. */
export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "atp-redis-"));
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
    const server = spawn("redis-server", [...args, "--appendfsync", "always", "--daemonize", "no"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = server;
    await new Promise<void>((resolve, reject) => {
      let said = "";
      const look = (data: Buffer): void => {
        said += String(data);
        if (said.includes("Ready to accept connections")) resolve();
      };
      server.stdout.on("data", look);
      server.on("error", reject);
      server.on("exit", (code) => reject(new Error(`redis-server ended with ${code}: ${said}`)));
    });
  }

  async function kill(): Promise<void> {
    const server = child;
    child = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await gone;
  }

  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    start,
    async dispose() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
