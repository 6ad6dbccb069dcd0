import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

/** A process of the stack that accepts work. */
export interface Started {
  readonly name: string;
  /** Where it listens, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly startedMs: number;
}

/** A process of the stack that did not come up; its message holds what it said. */
export class StartError extends Error {
  override readonly name = "StartError";
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 3_000;
const KEPT_LINES = 20;

/** The processes of the demo: started by their contract, and ended whatever happens. */
export class Processes {
  readonly #root: string;
  readonly #children = new Map<ChildProcess, string>();
  #stopping = false;
  /** Called when one ends before it was asked to. */
  onDeath: ((name: string, why: string) => void) | undefined;

  /** @param root the project's root folder */
  constructor(root: string) {
    this.#root = root;
    // The last resort: whatever ends this process ends them.
    process.on("exit", () => {
      for (const child of this.#children.keys()) child.kill("SIGKILL");
    });
  }

  /**
   * Starts `<folder>/dist/main.js` on a free loopback port and waits until it listens.
   * @throws StartError
   */
  start(name: string, folder: string, env: Readonly<Record<string, string>>): Promise<Started> {
    const began = performance.now();
    const child = spawn(process.execPath, [join(this.#root, folder, "dist", "main.js")], {
      cwd: this.#root,
      env: { ...inherited(), HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "warn", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.set(child, name);
    const said: string[] = [];
    const keep = (text: string): void => {
      said.push(...text.split("\n").filter((line) => line !== ""));
      said.splice(0, Math.max(0, said.length - KEPT_LINES));
    };
    child.stderr.setEncoding("utf8").on("data", keep);
    return new Promise((resolve, reject) => {
      let output = "";
      let listening = false;
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new StartError([`${name} ${why}`, ...said.map((line) => `  ${name} | ${line}`)].join("\n")));
      };
      const timer = setTimeout(() => {
        fail(`does not listen after ${START_TIMEOUT_MS / 1_000} s`);
      }, START_TIMEOUT_MS);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const url = /listening on (https?:\/\/\S+)/.exec(output)?.[1];
        if (url === undefined || listening) return;
        listening = true;
        clearTimeout(timer);
        resolve({ name, url, startedMs: performance.now() - began });
      });
      child.on("error", (error) => {
        fail(`cannot be started: ${error.message}`);
      });
      child.on("close", (code, signal) => {
        this.#children.delete(child);
        const why = `ended with ${signal ?? `code ${code ?? 0}`}`;
        if (!listening) fail(why);
        else if (!this.#stopping) this.onDeath?.(name, [why, ...said.map((line) => `  ${name} | ${line}`)].join("\n"));
      });
    });
  }

  /** Ends them all in order, and by force those that take too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#children.keys()].map(end));
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    child.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/** What a child needs of this process's environment: not its configuration, the demo's stack is its own. */
function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "SystemRoot", "NODE_OPTIONS"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
