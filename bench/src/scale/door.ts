/** The door for OpenAI's clients at 5,000 requests a minute: does it answer, and does its memory stay? */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild, startProgram } from "../harness/children.js";
import { rssMbOf } from "../harness/proc.js";
import { type Goal, goal, type Info, info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import type { DoorEnds } from "./door-load.js";

const PER_MINUTE = 5_000;
/** Of the time after warm-up, memory is looked at so often. */
const SAMPLES = 20;
/** A slope within this of a whole run is none: what the heap does between two collections. */
const FLAT_MB = 10;

/** @param minutes the time of the load after a warm-up of a third of it */
export async function door(minutes: number): Promise<{ goals: readonly Goal[]; infos: Record<string, Info> }> {
  const folder = mkdtempSync(join(tmpdir(), "atp-scale-door-"));
  const adapter = await startChild("dist/bench-scale-adapter.js");
  const load = await startChild("dist/bench-scale-door.js");
  const router = await startProgram("examples/router/dist/main.js", {
    env: { PORT: "0", LOG_LEVEL: "info", ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapter.port}`]) },
    logFile: join(folder, "router.log"),
  });
  const ms = minutes * 60_000;
  const asked = (forMs: number): Promise<DoorEnds> =>
    load.call<DoorEnds>("ask", { port: router.port, perMinute: PER_MINUTE, ms: forMs });
  try {
    const warm = await asked(ms / 3);
    const before = rssMbOf(router.pid);
    const points: [number, number][] = [];
    const began = performance.now();
    const sampler = setInterval(
      () => points.push([(performance.now() - began) / 60_000, rssMbOf(router.pid)]),
      ms / SAMPLES,
    );
    const ends = await asked(ms);
    const tookMinutes = (performance.now() - began) / 60_000;
    clearInterval(sampler);
    const { wrong, ...counts } = ends;
    progress(`door: ${JSON.stringify(counts)}, wrong: ${wrong.length} ${wrong.slice(0, 3).join("; ")}`);
    const growth = slope(points) * tookMinutes;
    return {
      goals: [
        goal(
          "S6.rss",
          `MiB of growth over ${minutes} minutes after warm-up by the line through ${points.length} samples`,
          "MiB",
          spread([growth]),
          "<=",
          FLAT_MB,
        ),
        goal(
          "S6.rate",
          "requests a minute that ended as they should: answered, cancelled, or refused for their model",
          "1/min",
          spread([(ends.asked - ends.overloaded - wrong.length) / tookMinutes]),
          ">=",
          PER_MINUTE * 0.97,
        ),
        goal(
          "S6.wrong",
          "calls that ended otherwise than the `openai` package should see",
          "calls",
          spread([ends.wrong.length + warm.wrong.length]),
          "==",
          0,
        ),
      ],
      infos: {
        "door: minutes": info("min", spread([minutes])),
        "door: RSS after warm-up": info("MiB", spread([before])),
        "door: RSS": info("MiB", spread(points.map(([, rss]) => rss))),
        "door: streamed, whole": info("calls", spread([ends.streamed + ends.whole])),
        "door: cancelled": info("calls", spread([ends.cancelled])),
        "door: refused because the router was short of time": info("calls", spread([ends.overloaded])),
        "door: refused as OpenAI's NotFoundError": info("calls", spread([ends.refused])),
      },
    };
  } finally {
    await router.stop();
    await load.stop();
    await adapter.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Least squares: units of y for one of x. */
function slope(points: readonly (readonly [number, number])[]): number {
  const n = points.length;
  const mx = points.reduce((sum, [x]) => sum + x, 0) / n;
  const my = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const over = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return over / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}
