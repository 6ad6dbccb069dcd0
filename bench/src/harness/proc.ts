import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time of a process in milliseconds: user and system of all its threads, in nanoseconds from the scheduler.
 * The ticks of `/proc/PID/stat` are 10 ms, far too coarse for 40 requests.
 * @throws Error when the process is gone, or the kernel has no schedstat
 */
export function cpuMsOf(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0]);
  }
  return ns / 1e6;
}

/** Resident memory of a process, in MiB. */
export function rssMbOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kib === undefined) throw new Error(`no VmRSS for process ${pid}`);
  return Number(kib) / 1024;
}
