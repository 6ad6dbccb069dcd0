import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";

/** A process of the stack that accepts work. */
export interface Started {
  readonly name: string;
  /** Where it listens, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly startedMs: number;
}

/** A program and how it says that it is ready. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens, read from all that it printed so far; undefined while it is not ready. */
  readonly urlIn: (output: string) => string | undefined;
  /** Hears each line that it prints, on either stream. */
  readonly onLine?: (line: string) => void;
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
    return this.launch({
      name,
      command: process.execPath,
      args: [join(this.#root, folder, "dist", "main.js")],
      env: { HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "warn", ...env },
      urlIn: (output) => /listening on (https?:\/\/\S+)/.exec(output)?.[1],
    });
  }

  /**
   * Starts any program and waits until what it printed says that it is ready.
   * @throws StartError
   */
  launch({ name, command, args, env = {}, urlIn, onLine }: Program): Promise<Started> {
    const began = performance.now();
    const child = spawn(command, [...args], {
      cwd: this.#root,
      env: { ...inherited(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.set(child, name);
    const said: string[] = [];
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
      const look = (line: string): void => {
        onLine?.(line);
        if (listening) return;
        output += `${line}\n`;
        const url = urlIn(output);
        if (url === undefined) return;
        listening = true;
        output = "";
        clearTimeout(timer);
        resolve({ name, url, startedMs: performance.now() - began });
      };
      createInterface({ input: child.stdout }).on("line", look);
      createInterface({ input: child.stderr }).on("line", (line) => {
        said.push(line);
        said.splice(0, Math.max(0, said.length - KEPT_LINES));
        look(line);
      });
      child.on("error", (error) => {
        this.#children.delete(child);
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
