/** Where the router's CPU and allocations go, by function and by file, as they were written. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Running, startChild } from "../harness/children.js";
import { runBench } from "../harness/options.js";
import { progress } from "../harness/report.js";
import { burst, type Mode, paced, single } from "../router/modes.js";
import { startProduct } from "../router/product.js";
import { throughRouter } from "../router/rounds.js";
import { allTelemetry, patientLoad, startCollector } from "../stack/telemetry.js";
import { Inspector } from "./inspector.js";
import { memoryTaken, table, timeTaken } from "./table.js";

runBench(async () => {
  const { values } = parseArgs({
    options: {
      mode: { type: "string", default: "burst" },
      top: { type: "string", default: "40" },
      memory: { type: "boolean", default: false },
      telemetry: { type: "boolean", default: false },
    },
  });
  const mode: Mode | undefined = [burst, paced].find(({ name }) => name === values.mode);
  const rows = Number(values.top);
  if (mode === undefined) throw new Error(`no mode "${values.mode}": burst or paced`);
  if (!Number.isSafeInteger(rows) || rows < 1) throw new Error(`--top ${values.top} is no number of rows`);

  const folder = mkdtempSync(join(tmpdir(), "atp-profile-"));
  const logFile = join(folder, "router.log");
  const collector = values.telemetry ? await startCollector() : undefined;
  const running: Running[] = [];
  try {
    const adapter = await startChild("dist/bench-adapter.js");
    running.push(adapter);
    const load = await patientLoad();
    running.push(load);
    const router = await startProduct({
      adapterPort: adapter.port,
      logFile,
      nodeOptions: ["--inspect=127.0.0.1:0"],
      ...(collector === undefined ? {} : allTelemetry(collector.endpoint, folder)),
    });
    running.push(router);
    const variant = throughRouter("router", load, router);
    progress("warming up");
    // A router that has run nothing yet is slow, and would refuse some of 64 questions at once.
    for (const gentle of [single, paced]) await variant.turn(gentle);
    await variant.turn(burst);
    await variant.turn(mode);
    const inspector = await Inspector.open(logFile);
    const rounds = 3;
    const work = async (): Promise<void> => {
      for (let round = 0; round < rounds; round++) await variant.turn(mode);
    };
    progress(`sampling ${rounds} rounds of mode ${mode.name}`);
    const requests = rounds * mode.requests;
    process.stdout.write(
      values.memory
        ? `${table(`allocations, ${mode.name}`, memoryTaken(await inspector.allocations(work)), requests, "bytes", rows)}\n`
        : `${table(`CPU, ${mode.name}`, timeTaken(await inspector.cpu(work)), requests, "us", rows)}\n`,
    );
    inspector.close();
  } finally {
    await Promise.all(running.map((one) => one.stop()));
    collector?.close();
  }
});
