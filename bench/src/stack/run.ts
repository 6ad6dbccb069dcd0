import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { projectFile } from "../harness/children.js";

/** The stack as a user starts it, with what it told of itself. */
export interface RunningStack {
  /** From its start, after its build, to the line that says it is ready. */
  readonly readyS: number;
  /** Addresses by the names that it prints, such as `router`, `prometheus`; what does not run here is not among them. */
  readonly urls: ReadonlyMap<string, string>;
  /** A token for the router. */
  readonly token: string;
  /** Sends the signal of Ctrl-C to all of its processes, as a terminal does, and waits for the end. @returns processes that are left */
  stop(): Promise<number>;
}

const START_TIMEOUT_MS = 60_000;
const LAST_LINE = /^Ctrl-C /m;

/**
 * Starts the built stack in a process group of its own.
 * @throws Error when it ends before it is ready, with what it said
 */
export async function startBuiltStack(): Promise<RunningStack> {
  const began = performance.now();
  const child = spawn(process.execPath, [projectFile("examples/stack/dist/main.js")], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const group = child.pid;
  if (group === undefined) throw new Error("the stack did not start");
  const kill = (): void => {
    if (membersOf(group) > 0) process.kill(-group, "SIGKILL");
  };
  process.once("exit", kill);
  const { told, readyS } = await ready(child, began);
  const lines = told.split("\n");
  const urls = new Map(
    lines.flatMap((line) => {
      const found = /^(\S.*?) {2,}((?:https?|redis):\/\/\S+)/.exec(line);
      return found?.[1] === undefined || found[2] === undefined ? [] : [[found[1], found[2]] as const];
    }),
  );
  return {
    readyS,
    urls,
    token: /^token of .*: (\S+)$/m.exec(told)?.[1] ?? "",
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      process.kill(-group, "SIGINT");
      await gone;
      const left = membersOf(group);
      kill();
      process.removeListener("exit", kill);
      return left;
    },
  };
}

function ready(child: ChildProcess, began: number): Promise<{ readonly told: string; readonly readyS: number }> {
  let told = "";
  let readyS = Number.NaN;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the stack is not ready:\n${told}`)), START_TIMEOUT_MS);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      if (Number.isNaN(readyS) && /^ready in /m.test(told)) readyS = (performance.now() - began) / 1_000;
      if (!LAST_LINE.test(told)) return;
      clearTimeout(late);
      resolve({ told, readyS });
    });
    child.once("exit", () => reject(new Error(`the stack ended before it was ready:\n${told}`)));
  });
}

/** Processes of a group that have not ended, from `/proc`; one that only waits to be reaped has ended. */
function membersOf(group: number): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // The program's name stands in parentheses and may hold anything; state, parent and group follow it.
      const [state, , its] = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      return state !== "Z" && Number(its) === group;
    } catch {
      return false;
    }
  }).length;
}
