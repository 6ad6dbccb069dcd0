import { describe, expect, it } from "vitest";
import { neutralVotes } from "../../src/learning/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation, SimulationConfig } from "../../src/testing/index.js";

const usage = (usdMicros: number) => ({ inTokens: 10, outTokens: 5, usdMicros });
const adapter = (id: string, usdMicros: number, text: string): AdapterScript => ({
  id,
  estimate: { usdMicros, outTokens: 5, confidence: 0.5 },
  answer: [{ final: { answer: text, usage: usage(usdMicros) } }],
});
const adapters = [adapter("cheap", 10, "no"), adapter("fair", 50, "yes"), adapter("dear", 900, "yes")];
const priors = {
  qa: {
    cheap: { accuracy: 0.6, weight: 50 },
    fair: { accuracy: 0.8, weight: 50 },
    dear: { accuracy: 0.9, weight: 50 },
  },
};
const learned = (mode: "observe" | "apply", more: object = {}): SimulationConfig => ({
  adapters,
  learning: { mode, replica: "r1", priors, ...more },
});

async function run(sim: Simulation, stream: string, meta: object = {}) {
  const socket = sim.connect();
  socket.send(syn({ stream, session: `s-${stream}`, qos: "silver", meta: { task_type: "qa", ...meta } }));
  await sim.clock.until(() => socket.end(stream) !== undefined);
  const end = socket.end(stream);
  const { content } = (end?.payload ?? {}) as { content?: { adapter: string; consensus: { stopped_by: string } } };
  return { socket, content, telemetry: end?.telemetry };
}

describe("a router that learns", () => {
  it("asks by what calls are worth, and says so in plan and record", async () => {
    const sim = createSimulation(learned("apply"));
    const { content, telemetry } = await run(sim, "st1");
    expect(content?.consensus.stopped_by).toBe("value");
    expect(telemetry?.adapters?.length).toBeGreaterThan(0);
    const record = sim.observations.find((o) => o.t === "stream.decision");
    const { decisions, prompt_hash: hash } = (
      record as unknown as { record: { decisions: { options: object[] }[]; prompt_hash: string } }
    ).record;
    expect(decisions[0]?.options).toHaveLength(3);
    expect(decisions[0]).toMatchObject({ by: "first" });
    expect(hash).toMatch(/^[0-9a-f]+$/);
    const explained = sim.router.explain(
      { meta: { task_type: "qa" }, payload: { type: "agent.request", content: { prompt: "?" } } },
      {},
    );
    await sim.clock.advance(100);
    const told = await explained;
    expect(told).toMatchObject({ strategy: "auto", stop: { by_value: true } });
    expect((told as { options: { expected_gain: number }[] }).options[0]?.expected_gain).toBeGreaterThan(0);
  });

  it("decides as without when it only observes", async () => {
    const [plain, observing] = [createSimulation({ adapters }), createSimulation(learned("observe"))];
    const [a, b] = [await run(plain, "st1"), await run(observing, "st1")];
    expect(b.content).toEqual(a.content);
    expect(b.telemetry?.adapters?.map(({ name }) => name)).toEqual(a.telemetry?.adapters?.map(({ name }) => name));
  });

  it("explores where nothing is known: everybody is asked", async () => {
    const sim = createSimulation({ adapters, learning: { mode: "apply", exploreFirst: 1 } });
    const first = await run(sim, "st1");
    expect(first.telemetry?.adapters?.map(({ name }) => name).sort()).toEqual(["cheap", "dear", "fair"]);
  });

  it.each([
    ["a good rating", { rating: 1 }, /=\d$/],
    ["a bad rating", { rating: 0 }, /!\d$/],
    ["a choice", { chosen: "cheap" }, /=\d$/],
  ])("learns from %s, once a stream", async (_, word, key) => {
    const sim = createSimulation(learned("apply", { exploreFirst: 0 }));
    const { socket } = await run(sim, "st1", { strategy: "fanout" });
    for (const seq of [2, 3])
      socket.send({
        v: 1,
        session_id: "s-st1",
        stream_id: "st1",
        msg_seq: seq,
        flags: [],
        payload: { type: "agent.feedback", content: word },
      });
    await sim.clock.advance(50);
    const cells = Object.values(sim.router.learning?.export().replicas["r1"]?.["qa"]?.epochs ?? {}).flatMap((e) =>
      Object.entries(e),
    );
    expect(cells).toEqual([[expect.stringMatching(key), 1]]);
  });

  it("counts what nobody judged as unjudged when it ends, and hands on what it learned", async () => {
    const sim = createSimulation(learned("apply"));
    await run(sim, "st1");
    await sim.router.close();
    const state = sim.router.learning?.export();
    expect(JSON.stringify(state)).toContain('?":1');
    const next = createSimulation({ adapters, learning: { mode: "apply", replica: "r2", state } });
    expect(next.router.learning?.export()).toEqual(
      expect.objectContaining({ replicas: expect.objectContaining({ r1: state?.replicas["r1"] }) as unknown }),
    );
    expect(() => next.router.learning?.merge({ v: 9 })).toThrow("version 1");
  });

  it("goes on with others when the adapter it asked fails", async () => {
    const broken: AdapterScript = { ...adapter("fair", 50, "yes"), answer: [{ fail: { kind: "internal" } }] };
    const sim = createSimulation({ ...learned("apply"), adapters: [broken, adapters[2] as AdapterScript] });
    expect((await run(sim, "st1")).content?.adapter).toBe("dear");
  });
});

describe("an imported policy", () => {
  const order = ["fair", "cheap", "dear"];
  const policy = (thresholds: readonly number[]) => ({
    version: 1,
    tasks: {
      qa: {
        adapters: order,
        usdMicros: [50, 10, 900],
        champion: "dear",
        votes: neutralVotes(order),
        points: [{ usdMicros: 60, accuracy: 0.8, rule: { kind: "cascade", order, thresholds } }],
      },
    },
  });
  const asked = (run: { telemetry: { adapters?: readonly { name: string }[] } | undefined }) =>
    run.telemetry?.adapters?.map(({ name }) => name);

  it.each([
    ["one answer is enough", [0, 0], ["fair"]],
    // One answer of the neutral votes has 0.73, one against one 0.42: a third is asked.
    ["the first two disagree", [0.8, 0.5], order],
  ])("decides a task that it knows: %s", async (_, thresholds, names) => {
    const sim = createSimulation(learned("apply", { policy: policy(thresholds) }));
    const one = await run(sim, "st1");
    expect(asked(one)).toEqual(names);
    expect(one.content?.consensus.stopped_by).toBe("value");
    const record = sim.observations.find((o) => o.t === "stream.decision") as unknown as {
      record: { decisions: { by: string; ask: string | null }[] };
    };
    expect(record.record.decisions.map(({ by, ask }) => [by, ask])).toEqual([
      ...names.map((name) => ["policy", name]),
      ["policy", null],
    ]);
  });

  it("leaves other tasks to the learner, and decides nothing while it only observes", async () => {
    const sim = createSimulation(learned("apply", { policy: policy([0, 0]), exploreFirst: 1 }));
    expect(asked(await run(sim, "st1", { task_type: "other" }))?.sort()).toEqual(["cheap", "dear", "fair"]);
    const [plain, watching] = [
      createSimulation({ adapters }),
      createSimulation(learned("observe", { policy: policy([0, 0]) })),
    ];
    expect(asked(await run(watching, "st1"))).toEqual(asked(await run(plain, "st1")));
  });

  it("is checked at the start", () => {
    const broken = policy([0]);
    expect(() => createSimulation(learned("apply", { policy: broken }))).toThrow(
      "learning.policy is no policy: qa.points[0].rule.thresholds",
    );
  });
});
