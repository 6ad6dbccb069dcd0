import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild, startProgram } from "../harness/children.js";
import { progress } from "../harness/report.js";
import type { SpanOptions, SpanResult } from "./load.js";

/** What requests cost the router, in milliseconds of CPU of its process, round by round. */
export interface ShedCost {
  readonly served: number[];
  readonly shed: number[];
  /** Refused requests a second, of those that came. */
  readonly shedPerSecond: number[];
  readonly shedShare: number[];
}

const SLOTS = 8;
/** A call takes a second: 25 pieces, one each 40 ms. The demo's question gets as many, so this is an ordinary answer and no long one. */
const answer = { chunks: 25, delayMs: 40 };
const deadlineMs = 5_000;
const FLOOD_PER_SECOND = 1_500;

/**
 * The reference router with eight slots, its bench adapter and an open-loop load, each in a process of its own. Rounds alternate between
 * a load that is served whole and a flood of which nearly all is refused; what the flood's served ones cost is taken off.
 */
export async function shedCost(rounds: number, seconds: number): Promise<ShedCost> {
  const folder = mkdtempSync(join(tmpdir(), "atp-lanes-"));
  const configFile = join(folder, "config.json");
  writeFileSync(configFile, JSON.stringify({ limits: { max_concurrent_calls: SLOTS, estimate_timeout_ms: 20_000 } }));
  const adapter = await startChild("dist/bench-adapter.js");
  const load = await startChild("dist/bench-lanes-load.js");
  const router = await startProgram("examples/router/dist/main.js", {
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapter.port}`]),
      LOG_LEVEL: "info",
      ATP_CONFIG: configFile,
    },
    logFile: join(folder, "router.log"),
  });
  const cost: ShedCost = { served: [], shed: [], shedPerSecond: [], shedShare: [] };
  const span = (perSecond: number, seed: number): Promise<SpanResult> => {
    const { port, pid } = router;
    const options: SpanOptions = { port, pid, ...answer, perSecond, seconds, lane: "bronze", deadlineMs, seed };
    return load.call<SpanResult>("span", options);
  };
  try {
    const idle = await load.call<number>("idle", { pid: router.pid, seconds: 2 });
    for (let round = 0; round <= rounds; round++) {
      const calm = await span(SLOTS * 0.5, round);
      if (calm.served < calm.asked * 0.9) throw new Error(`${calm.served} of ${calm.asked} were served at half load`);
      const served = (calm.routerCpuMs - idle * calm.seconds) / calm.served;
      const flood = await span(FLOOD_PER_SECOND, round);
      if (flood.shed < flood.asked * 0.9) throw new Error(`${flood.shed} of ${flood.asked} were refused in a flood`);
      const others = (flood.served + flood.other) * served;
      const shed = (flood.routerCpuMs - idle * flood.seconds - others) / flood.shed;
      progress(
        `round ${round}: ${served.toFixed(2)} ms a served request, ${(1_000 * shed).toFixed(0)} us a refused one (${flood.shed} of ${flood.asked})`,
      );
      // The first round pays for compilation.
      if (round === 0) continue;
      cost.served.push(served);
      cost.shed.push(shed);
      cost.shedPerSecond.push(flood.shed / flood.seconds);
      cost.shedShare.push(flood.shed / flood.asked);
    }
    await load.call("close");
    return cost;
  } finally {
    await Promise.all([router.stop(), adapter.stop(), load.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}
