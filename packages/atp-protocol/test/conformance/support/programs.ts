import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A built program of `examples/` on a free port of loopback. */
export interface Program {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a built program; resolves once it listens. @throws Error when it is not built, or ends before. */
export async function startProgram(folder: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const program = fileURLToPath(new URL(`../../../../../${folder}/dist/main.js`, import.meta.url));
  if (!existsSync(program)) throw new Error(`${program} is not built: run \`npm run build\` first`);
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    let errors = "";
    child.stderr?.on("data", (data: Buffer) => (errors += data.toString()));
    child.stdout?.on("data", (data: Buffer) => {
      output += data.toString();
      const found = /^listening on (http:\/\/\S+)$/m.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`${folder} ended before it listened: ${errors}`)));
  });
  return {
    url,
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
