/** The stack in production shape: how soon it is ready, what checks and telemetry cost, and what happens when a part of it is away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { type Goal, goal, type Info, info, progress, readable, report } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { identityTimes, policyTimes } from "./checks.js";
import { type Outage, outages, policyTimeoutMs } from "./outages.js";
import { type Queried, queried } from "./prometheus.js";
import { startBuiltStack } from "./run.js";
import { telemetryCost } from "./telemetry.js";

const STARTS = 3;

const share = (of: readonly Outage[], count: (one: Outage) => number): number =>
  Math.min(...of.map((one) => count(one) / one.requests));
const one = (value: number) => spread([value]);

runBench(async () => {
  const options = benchOptions();
  const folder = mkdtempSync(join(tmpdir(), "atp-stack-"));
  progress("starting the stack");
  const starts: number[] = [];
  const left: number[] = [];
  let prometheus: Queried | undefined;
  for (let i = 0; i < STARTS; i++) {
    const stack = await startBuiltStack();
    starts.push(stack.readyS);
    try {
      if (i === STARTS - 1) prometheus = await queried(stack);
    } finally {
      left.push(await stack.stop());
    }
  }
  if (prometheus !== undefined) {
    const { version, empty, broken } = prometheus;
    progress(
      `Prometheus ${version}: ${[...empty.map((n) => `no data: ${n}`), ...broken.map((n) => `not evaluated: ${n}`)].join(", ") || "every query has data"}`,
    );
  }
  progress("policy and identity");
  const policy = await policyTimes();
  const identity = await identityTimes();
  const adapter = await startChild("dist/bench-adapter.js");
  try {
    progress("policy away");
    const noPolicy = await outages("OPA_URL", adapter.port);
    progress("memory away");
    const noMemory = await outages("MEMORY_GATEWAY_URL", adapter.port);
    const telemetry = await telemetryCost(adapter, folder, options.long ? 9 : 5);
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
      goal(
        "stack.left",
        "processes of the stack that are left after Ctrl-C, most of the starts",
        "",
        one(Math.max(...left)),
        "==",
        0,
      ),
      goal(
        "prometheus.queries",
        "share of the shipped rules and dashboard queries that return data from a Prometheus that scraped the stack",
        "",
        one(
          prometheus === undefined ? Number.NaN : 1 - prometheus.empty.length / (prometheus.rules + prometheus.panels),
        ),
        "==",
        1,
      ),
      goal(
        "prometheus.rules",
        "share of the shipped rules that this Prometheus evaluates without an error",
        "",
        one(prometheus === undefined ? Number.NaN : 1 - prometheus.broken.length / prometheus.rules),
        "==",
        1,
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
        1.2,
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
      "rules and dashboard queries asked of Prometheus": info(
        "",
        one((prometheus?.rules ?? 0) + (prometheus?.panels ?? 0)),
      ),
      "turns of telemetry taken anew, a router being short of CPU": info("", one(telemetry.repeated)),
      "exports that came at the collector": info("", one(telemetry.exports)),
      "K3.burst of two equal routers without telemetry, a turn each": info("x", telemetry.equal),
      ...Object.fromEntries(
        noPolicy.map((o) => [`OPA ${o.name}: slowest refusal`, info("ms", one(o.slowestMs))] as const),
      ),
      ...Object.fromEntries(
        noMemory.map((o) => [`memory ${o.name}: slowest answer`, info("ms", one(o.slowestMs))] as const),
      ),
    };
    const result = report("stack", goals, infos, {
      policyTimeoutMs,
      starts: STARTS,
      prometheus: prometheus?.version ?? "not on PATH",
    });
    if (options.write) progress(`wrote ${writePage(result)}`);
    process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
  } finally {
    await adapter.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
