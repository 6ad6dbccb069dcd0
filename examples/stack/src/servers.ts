import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Processes, Started } from "../../demo/src/processes.js";

/** Whether a program is on PATH. */
export function onPath(program: string, probe = "--version"): boolean {
  return spawnSync(program, [probe], { stdio: "ignore" }).error === undefined;
}

/** A redis-server that keeps nothing on disk beyond its folder. */
export async function startRedis(processes: Processes, folder: string): Promise<Started> {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  return processes.launch({
    name: "redis",
    command: "redis-server",
    args,
    urlIn: (output) => (output.includes("Ready to accept connections") ? `redis://127.0.0.1:${port}` : undefined),
  });
}

/** Open Policy Agent with a policy file. */
export async function startOpa(processes: Processes, policyFile: string): Promise<Started> {
  const address = `127.0.0.1:${await freePort()}`;
  const started = await processes.launch({
    name: "opa",
    command: "opa",
    args: ["run", "--server", "--addr", address, policyFile],
    urlIn: (output) => (output.includes("Initializing server") ? `http://${address}` : undefined),
  });
  // It logs that line just before it listens.
  for (;;) {
    const ready = await fetch(`${started.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return started;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** What Prometheus is to scrape. */
export interface ScrapeTarget {
  readonly routerUrl: string;
  /** The router's key with the scope `observe`. */
  readonly key: string;
  /** A file of rules, read when it is there. */
  readonly rulesFile: string;
}

/** A Prometheus that scrapes the router each second. */
export async function startPrometheus(processes: Processes, folder: string, target: ScrapeTarget): Promise<Started> {
  const data = join(folder, "prometheus");
  mkdirSync(data, { recursive: true });
  const keyFile = join(folder, "prometheus.key");
  writeFileSync(keyFile, target.key, { mode: 0o600 });
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: existsSync(target.rulesFile) ? [target.rulesFile] : [],
    scrape_configs: [
      {
        job_name: "atp-router",
        authorization: { credentials_file: keyFile },
        static_configs: [{ targets: [new URL(target.routerUrl).host] }],
      },
    ],
  };
  // JSON is YAML.
  const configFile = join(folder, "prometheus.yml");
  writeFileSync(configFile, JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  return processes.launch({
    name: "prometheus",
    command: "prometheus",
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${address}`,
      "--storage.tsdb.retention.time=1d",
    ],
    urlIn: (output) => (output.includes("Server is ready to receive web requests") ? `http://${address}` : undefined),
  });
}

/** A loopback port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
