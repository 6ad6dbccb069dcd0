import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** How a process ended, with all that it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of the stack, by the contract that all of them keep. */
export interface Running {
  readonly child: ChildProcess;
  /** Its URL, once it says where it listens. */
  readonly ready: Promise<string>;
  readonly ended: Promise<Ended>;
}

/** Starts a built program of `examples/` with nothing in its environment but what is given. */
export function start(folder: string, env: Readonly<Record<string, string>>): Running {
  const program = fileURLToPath(new URL(`../../../../${folder}/dist/main.js`, import.meta.url));
  if (!existsSync(program)) throw new Error(`${program} is not built: run \`npm run build\` first`);
  const child = spawn(process.execPath, [program], { env: { PATH: process.env["PATH"] ?? "", ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  const listening = new Promise<string>((resolve) =>
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      const [, url] = /^listening on (http:\/\/\S+)$/m.exec(stdout) ?? [];
      if (url !== undefined) resolve(url);
    }),
  );
  const ready = Promise.race([listening, ended.then(({ stderr: text }) => Promise.reject(new Error(text)))]);
  ready.catch(() => undefined);
  return { child, ready, ended };
}
