import { type ChildProcess, fork, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** This package's folder; programs and their shared chunks lie in `dist/`. */
const root = new URL("../", import.meta.url);

/** A file of this package, such as `dist/bench-load.js` or `baselines/router.mjs`. */
export function benchFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** A file of the whole project. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(`../${path}`, root));
}

const startTimeoutMs = 20_000;
const stopTimeoutMs = 10_000;

/** A running program. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  /** Ends it and waits for its end. */
  stop(): Promise<void>;
}

/** A running program of the process contract. */
export interface RunningProgram extends Running {
  /** Its ports in the order in which it told them: one, unless it serves several. */
  readonly ports: readonly number[];
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
}

/** A running program that answers calls over its channel. */
export interface Controlled extends Running {
  call<Result>(operation: string, argument?: unknown): Promise<Result>;
}

interface Reply {
  readonly ready?: boolean;
  readonly port?: number;
  readonly id?: number;
  readonly v?: unknown;
  readonly error?: string;
}

/**
 * Starts a program that speaks the control channel and waits until it is ready.
 * @throws Error when it ends, or is not ready within 20 s
 */
export async function startChild(
  path: string,
  args: readonly string[] = [],
  nodeOptions: readonly string[] = [],
): Promise<Controlled> {
  const file = benchFile(path);
  const child = fork(file, [...args], { execArgv: [...nodeOptions] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  let lastId = 0;
  let port = 0;
  const ready = deferred();
  child.on("message", (message) => {
    const reply = message as Reply;
    if (reply.ready === true) {
      port = reply.port ?? 0;
      ready.resolve();
    }
    if (reply.id === undefined) return;
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error === undefined) call?.resolve(reply.v);
    else call?.reject(new Error(`${path}: ${reply.error}`));
  });
  child.on("exit", (code, signal) => {
    const gone = new Error(`${path} ended (${signal ?? `exit ${code}`})`);
    ready.reject(gone);
    for (const call of waiting.values()) call.reject(gone);
    waiting.clear();
  });
  await within(ready.promise, startTimeoutMs, `${path} was not ready within ${startTimeoutMs} ms`, child);
  return {
    pid: pidOf(child, path),
    port,
    call: <Result>(op: string, arg?: unknown) =>
      new Promise<Result>((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        child.send({ id, op, arg });
      }),
    stop: () => ended(child, () => child.connected && child.send({ op: "exit" })),
  };
}

/** How a program of the process contract is started. */
export interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Where its log goes: what it writes to standard error. */
  readonly logFile: string;
  readonly nodeOptions?: readonly string[];
}

/**
 * Starts a program that prints `listening on http://host:port` once it is ready and ends on SIGTERM.
 * @throws Error when it ends first, or is not ready within 20 s; its log file is named
 */
export async function startProgram(path: string, options: ProgramOptions): Promise<RunningProgram> {
  const log = createWriteStream(options.logFile);
  await new Promise<void>((resolve, reject) => log.once("open", () => resolve()).once("error", reject));
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), projectFile(path)], {
    env: { ...cleanEnvironment(), ...options.env },
    // The log goes straight to the file, as it does under a supervisor: no reader of ours takes part.
    stdio: ["ignore", "pipe", log],
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  const ready = deferred();
  const ports: number[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const found = /listening on http:\/\/[^\s]*:(\d+)/.exec(line)?.[1];
    if (found === undefined) return;
    // A program of several ports writes all its lines at once, so all are read before anybody goes on.
    ports.push(Number(found));
    ready.resolve();
  });
  child.on("exit", (code, signal) =>
    ready.reject(new Error(`${path} ended (${signal ?? `exit ${code}`}); its log: ${options.logFile}`)),
  );
  await within(
    ready.promise,
    startTimeoutMs,
    `${path} was not ready within ${startTimeoutMs} ms; its log: ${options.logFile}`,
    child,
  );
  return {
    pid: pidOf(child, path),
    port: ports[0] ?? 0,
    ports,
    ended: new Promise((resolve) => child.once("exit", () => resolve())),
    stop: () => ended(child, () => child.kill("SIGTERM")).finally(() => log.close()),
  };
}

/** The parent's environment without what would change the program measured. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  return Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR, LANG }).filter(([, value]) => value !== undefined));
}

function pidOf(child: ChildProcess, path: string): number {
  if (child.pid === undefined) throw new Error(`${path} did not start`);
  return child.pid;
}

function ended(child: ChildProcess, ask: () => unknown): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const kill = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    child.once("exit", (_code, signal) => {
      clearTimeout(kill);
      if (signal === "SIGKILL")
        reject(new Error(`${child.spawnargs.join(" ")} did not end within ${stopTimeoutMs} ms`));
      else resolve();
    });
    ask();
  });
}

function deferred(): { promise: Promise<void>; resolve(): void; reject(reason: Error): void } {
  let resolve = (): void => undefined;
  let reject = (_reason: Error): void => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

async function within(promise: Promise<void>, timeoutMs: number, message: string, child: ChildProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  });
  try {
    await Promise.race([promise, late]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
