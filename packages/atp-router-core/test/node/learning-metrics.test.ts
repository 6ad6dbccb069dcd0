import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { learningMetrics } from "../../src/node/learning-metrics.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript } from "../../src/testing/index.js";

const says = (id: string, answer: string, confidence: number): AdapterScript => ({
  id,
  estimate: { usdMicros: 10, outTokens: 5, confidence: 0.5 },
  answer: [{ text: answer, confidence }, { final: { answer, usage: { inTokens: 10, outTokens: 5, usdMicros: 10 } } }],
});

/** The lines of the gauges of a router's learning. */
async function lines(registry: Registry): Promise<readonly string[]> {
  const text = await registry.metrics();
  return text.split("\n").filter((line) => line.startsWith("atp_calibration"));
}

describe("metrics of what is learned", () => {
  it("are no series where nothing is learned", async () => {
    const registry = new Registry();
    learningMetrics(registry, () => undefined);
    expect(await lines(registry)).toEqual([]);
  });

  it("tell how far a confidence is what it says, as it was told and as the router uses it", async () => {
    const adapters = [says("boast", "blue", 0.9), says("sage", "red", 0.9)];
    const sim = createSimulation({ adapters, learning: { mode: "observe", replica: "r1" } });
    const registry = new Registry();
    learningMetrics(registry, () => sim.router.learning);
    const socket = sim.connect();
    for (let n = 0; n < 40; n++) {
      const stream = `q${n}`;
      socket.send(syn({ stream, session: "s1", qos: "silver", meta: { task_type: "qa", strategy: "fanout" } }));
      await sim.clock.until(() => socket.end(stream) !== undefined);
      const payload = { type: "agent.feedback", content: { chosen: "sage" } };
      socket.send({ v: 1, session_id: "s1", stream_id: stream, msg_seq: 2, flags: [], payload });
      await sim.clock.advance(5);
    }
    const told = await lines(registry);
    const value = (name: string): number =>
      Number(
        told
          .find((line) => line.startsWith(name))
          ?.split(" ")
          .at(-1),
      );
    expect(value('atp_calibration_labels{task="qa",adapter="boast"}')).toBe(40);
    // It says 0.9 and is never right; the other one says it and always is.
    expect(value('atp_calibration_error{task="qa",adapter="boast",of="raw"}')).toBeCloseTo(0.9, 5);
    expect(value('atp_calibration_error{task="qa",adapter="sage",of="raw"}')).toBeCloseTo(0.1, 5);
    for (const adapter of ["boast", "sage"]) {
      const used = value(`atp_calibration_error{task="qa",adapter="${adapter}",of="calibrated"}`);
      expect(used).toBeLessThan(value(`atp_calibration_error{task="qa",adapter="${adapter}",of="raw"}`));
    }
    await sim.router.close();
  });
});
