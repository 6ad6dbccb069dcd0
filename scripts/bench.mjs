// npm run bench -- <name> [--json] [--long] [--write]: builds what the bench needs, then runs it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Each bench: its program in bench/dist, what it tells, and the workspaces it needs built. */
const benches = {
  router: {
    about: "the whole router beside a pass-through router: CPU, memory, added time to the first partial",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
  clients: {
    about: "one router with three gRPC clients behind AdapterPort: its own, grpc-js, connect-node",
    builds: ["atp-bench..."],
  },
  wire: {
    about:
      "codec and endpoint: partials over a bare socket, decoding, refusing, memory, bundle, fuzz, seeded schedules",
    builds: ["atp-bench...", "atp-protocol..."],
  },
  online: {
    about:
      "learning in one pass over recorded answers: behind a fitted policy, governor, recovery, calibration [--data DIR]",
    builds: ["atp-bench...", "atp-router-core..."],
  },
  replay: {
    about:
      "what another policy would have cost, from a router's decision records: --records FILE [--policy NAME] [--policy-file FILE]",
    builds: ["atp-bench...", "atp-router-core..."],
  },
  client: {
    about: "the client: runs cut everywhere, CPU of a partial, a stalled reader among 200 streams, memory, bundle",
    builds: ["atp-bench...", "atp-client..."],
  },
  answers: {
    about:
      "routing and consensus on recorded answers: accuracy at a cost, by cross-validation or --train DIR --test DIR [--through-sockets]",
    builds: ["atp-bench...", "@atp-examples/router...", "@atp-examples/adapter-replay..."],
  },
  money: {
    about: "budgets: operations through Redis, 1,000 calls at once through four routers, one of them killed",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
  tails: {
    about: "slow and failing adapters in virtual time: hedges, one adapter down, all down, 10,000 answers cut",
    builds: ["atp-bench...", "atp-router-core..."],
  },
  lanes: {
    about:
      "fair lanes and overload in virtual time beside FIFO, rate limit, strict priority and no control; CPU of a refusal",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
  slow: {
    about:
      "a hundred readers of which ten stop: what the router holds, what the others feel, whether all is there in the end",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
  stack: {
    about: "the stack: ready when, what policy, identity and telemetry cost, what happens while OPA or memory is away",
    builds: [
      "atp-bench...",
      "@atp-examples/stack...",
      "@atp-examples/router...",
      "@atp-examples/memory-gateway...",
      "@atp-examples/adapter-librarian...",
      "@atp-examples/adapter-persona...",
    ],
  },
  scale: {
    about: "four routers on one Redis: restarts, a kill, what Redis costs, 1 to 4 routers, the OpenAI door under load",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
  profile: {
    about:
      "where the router's CPU goes, by function and by file: profile [--mode burst|paced] [--top 40] [--memory] [--telemetry]",
    builds: ["atp-bench...", "@atp-examples/router..."],
  },
};

const help = [
  "usage: npm run bench -- <name> [--json] [--long] [--write]",
  "",
  ...Object.entries(benches).map(([name, bench]) => `  ${name.padEnd(10)} ${bench.about}`),
  "",
  "  --json     one JSON object on the last line of standard output",
  "  --long     more rounds",
  "  --write    write the figures into docs/benchmarks/<name>.md",
].join("\n");

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const [name, ...options] = process.argv.slice(2);
if (name === undefined || name === "--help" || name === "-h" || options.includes("--help")) {
  process.stdout.write(`${help}\n`);
  process.exit(0);
}
if (!Object.hasOwn(benches, name))
  fail(`no bench "${name}"; there are ${Object.keys(benches).join(", ")} (see --help)`);

const turbo = `${root}node_modules/.bin/turbo`;
if (!existsSync(turbo)) fail("the project is not installed: run `npm ci` first");
const filters = benches[name].builds.map((workspace) => `--filter=${workspace}`);
const built = spawnSync(turbo, ["run", "build:js", ...filters, "--output-logs=errors-only", "--log-prefix=none"], {
  cwd: root,
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
  encoding: "utf8",
  stdio: ["ignore", "pipe", "pipe"],
});
if (built.status !== 0)
  fail(`the build failed:\n${built.stdout ?? ""}${built.stderr ?? ""}${built.error?.message ?? ""}`);

const run = spawnSync(process.execPath, ["--enable-source-maps", `${root}bench/dist/${name}.js`, ...options], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
});
process.exit(run.status ?? 1);
