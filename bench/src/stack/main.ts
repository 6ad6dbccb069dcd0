/** The stack in production shape: how soon it is ready, what checks and telemetry cost, and what happens when a part of it is away. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFile, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { type Goal, goal, type Info, info, progress, readable, report } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { identityTimes, policyTimes } from "./checks.js";
import { type Outage, outages, policyTimeoutMs } from "./outages.js";
import { telemetryCost } from "./telemetry.js";

const READY = /^ready in /m;
const STARTS = 3;

/** From its start, after its build, to the line that says it is ready; then it is stopped as by Ctrl-C. In seconds. */
function stackReady(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [projectFile("examples/stack/dist/main.js")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  let seconds = Number.NaN;
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      if (!Number.isNaN(seconds) || !READY.test(told)) return;
      seconds = (performance.now() - began) / 1_000;
      child.kill("SIGINT");
    });
    child.on("exit", () => {
      if (Number.isNaN(seconds)) reject(new Error(`the stack ended before it was ready:\n${told}`));
      else resolve(seconds);
    });
  });
}

const share = (of: readonly Outage[], count: (one: Outage) => number): number =>
  Math.min(...of.map((one) => count(one) / one.requests));
const one = (value: number) => spread([value]);

runBench(async () => {
  const options = benchOptions();
  const folder = mkdtempSync(join(tmpdir(), "atp-stack-"));
  progress("starting the stack");
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) starts.push(await stackReady());
  progress("policy and identity");
  const policy = await policyTimes();
  const identity = await identityTimes();
  const adapter = await startChild("dist/bench-adapter.js");
  const load = await startChild("dist/bench-load.js");
  try {
    progress("policy away");
    const noPolicy = await outages("OPA_URL", adapter.port);
    progress("memory away");
    const noMemory = await outages("MEMORY_GATEWAY_URL", adapter.port);
    const telemetry = await telemetryCost(adapter, load, folder, options.long ? 9 : 5);
    const slowest = Math.max(...noPolicy.map(({ slowestMs }) => slowestMs));
    const goals: Goal[] = [
      goal(
        "stack.ready",
        "from the start of the built stack to its line that it is ready",
        "s",
        spread(starts),
        "<=",
        20,
      ),
      goal("K1.policy", "99th percentile of one decision of the example policy in CEL", "us", spread(policy), "<=", 50),
      goal("K2.key", "99th percentile of telling who bears a static key", "us", spread(identity.key), "<=", 100),
      goal("K2.token", "the same of a token that was verified before", "us", spread(identity.seen), "<=", 100),
      goal(
        "K3.burst",
        "router CPU with telemetry over that without, 64 at once in bursts",
        "x",
        telemetry.burst,
        "<=",
        1.15,
      ),
      goal("K3.paced", "the same, 8 at once, a chunk each 10 ms", "x", telemetry.paced, "<=", 1.15),
      goal(
        "opa.denied",
        "share denied while OPA is down, slow or talks nonsense, least of five faults",
        "",
        one(share(noPolicy, (o) => o.denied)),
        "==",
        1,
      ),
      goal(
        "opa.up",
        "routers that were up after that, of five",
        "",
        one(noPolicy.filter(({ up }) => up).length),
        "==",
        noPolicy.length,
      ),
      goal(
        "opa.slowest",
        "the longest any of them took, over the time limit of a decision",
        "x",
        one(slowest / policyTimeoutMs),
        "<=",
        1.5,
      ),
      goal(
        "memory.answered",
        "share answered while the memory gateway is down, slow or talks nonsense, least of five faults",
        "",
        one(share(noMemory, (o) => o.answered)),
        "==",
        1,
      ),
      goal(
        "memory.told",
        "share of these whose telemetry says that memory was left out",
        "",
        one(share(noMemory, (o) => o.toldSkipped)),
        "==",
        1,
      ),
    ];
    const infos: Record<string, Info> = {
      "a new token, its issuer's key known (p99)": info("us", spread(identity.fresh)),
      "exports that came at the collector": info("", one(telemetry.exports)),
      ...Object.fromEntries(
        noPolicy.map((o) => [`OPA ${o.name}: slowest refusal`, info("ms", one(o.slowestMs))] as const),
      ),
      ...Object.fromEntries(
        noMemory.map((o) => [`memory ${o.name}: slowest answer`, info("ms", one(o.slowestMs))] as const),
      ),
    };
    const result = report("stack", goals, infos, { policyTimeoutMs, starts: STARTS });
    if (options.write) progress(`wrote ${writePage(result)}`);
    process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
  } finally {
    await Promise.all([adapter.stop(), load.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
});
