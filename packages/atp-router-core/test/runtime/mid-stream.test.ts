import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, ScriptStep, Simulation } from "../../src/testing/index.js";
import type { Failure } from "../../src/model/index.js";
import { readerOf } from "../../src/testing/reader.js";

const usage = { inTokens: 5, outTokens: 5, usdMicros: 10 };
const said = (text: string): ScriptStep => ({ afterMs: 5, text, usage });
const cut = (kind: Failure["kind"] = "unavailable"): ScriptStep => ({ afterMs: 1, fail: { kind, message: "lost" } });
const done: ScriptStep = { afterMs: 1, final: {} };
const whole: readonly ScriptStep[] = [said("all "), said("of "), said("it"), done];

/** An adapter whose nth call follows the nth script; the last one from then on. */
function adapter(id: string, ...calls: readonly (readonly ScriptStep[])[]): AdapterScript {
  return { id, answer: (_call, nth) => calls[Math.min(nth, calls.length - 1)] ?? [] };
}

async function run(sim: Simulation, frame: Frame) {
  const socket = sim.connect();
  socket.send(frame);
  await sim.clock.until(() => socket.end(frame.stream_id) !== undefined);
  const { tenants } = await sim.router.budgets();
  expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
  expect(tenants["default"]?.posted.tokens).toBe(socket.end(frame.stream_id)?.telemetry?.tokens);
  return {
    end: socket.end(frame.stream_id) as Frame,
    read: readerOf(socket.of(frame.stream_id, "agent.result.partial")),
  };
}

const single = { strategy: "single" };
const contentOf = (frame: Frame) =>
  frame.payload?.content as Record<string, unknown> & { details: Record<string, unknown> };

describe("an answer that breaks off in the middle", () => {
  it("A4.2: begins anew at another adapter, and what was told of the first is void", async () => {
    const sim = createSimulation({ adapters: [adapter("a", [said("ha"), said("lf"), cut()]), adapter("b", whole)] });
    const { end, read } = await run(sim, syn({ qos: "gold", meta: single }));
    expect(contentOf(end)).toMatchObject({ ok: true, answer: "all of it", adapter: "b" });
    expect(read.text("a")).toBe("");
    expect(read.text("b")).toBe("all of it");
    expect(end.telemetry?.adapters).toMatchObject([
      { name: "a", outcome: "failed" },
      { name: "b", outcome: "ok" },
    ]);
    await sim.router.close();
  });

  it("A4.2: with nobody else it begins anew at the same adapter, with a higher attempt", async () => {
    const sim = createSimulation({ adapters: [adapter("a", [said("ha"), said("lf"), cut()], whole)] });
    const { end, read } = await run(sim, syn({ qos: "silver" }));
    expect(contentOf(end)).toMatchObject({ ok: true, answer: "all of it" });
    expect(read.attempts("a")).toEqual([0, 1]);
    expect(read.text("a")).toBe("all of it");
    expect(end.telemetry?.adapters?.map(({ attempt }) => attempt)).toEqual([0, 1]);
    expect(sim.adapters.get("a")?.calls.map(({ attempt }) => attempt)).toEqual([0, 1]);
    await sim.router.close();
  });

  it.each([
    {
      name: "bronze ends with an error",
      frame: syn({ qos: "bronze" }),
      adapters: [adapter("a", [said("half"), cut()], whole)],
    },
    {
      name: "as much time must be left as the broken call had taken",
      frame: syn({ qos: "gold", meta: { deadline_ms: 900 } }),
      adapters: [adapter("a", [{ afterMs: 500, text: "half", usage }, cut()], whole)],
    },
    {
      name: "the window must have room",
      frame: syn({ qos: "gold", window: { max_parallel: 1, max_tokens: 50, max_usd_micros: 1000 } }),
      adapters: [adapter("a", [said("half"), said(""), cut()], whole)],
    },
  ])("else it says what arrived: $name", async ({ frame, adapters }) => {
    const sim = createSimulation({ adapters });
    const { end } = await run(sim, frame);
    expect(end.flags).toEqual(["RST"]);
    const content = contentOf(end);
    expect(content).toMatchObject({ code: "EAGENTDOWN", processed: "yes" });
    expect(content.details["arrived"]).toMatchObject([{ adapter: "a", characters: 4 }]);
    expect(content["message"]).toContain("broke off after 4 characters");
    await sim.router.close();
  });

  it.each([
    { tags: ["continues"], continues: true },
    { tags: [], continues: false },
  ])("is taken up where it broke off only by an adapter that says it can: $tags", async ({ tags, continues }) => {
    const script: AdapterScript = {
      id: "a",
      health: { info: { name: "a", tags } },
      answer: (call, nth) => {
        if (nth === 0) return [said("all "), said("of "), cut()];
        const { messages } = JSON.parse(call.promptJson) as { messages?: { role: string; content: string }[] };
        const begun = messages?.at(-1)?.role === "assistant" ? messages.at(-1)?.content : "";
        return begun === "all of " ? [said("it"), done] : whole;
      },
    };
    const sim = createSimulation({ adapters: [script] });
    await sim.clock.advance(10);
    const { end, read } = await run(sim, syn({ qos: "bronze", content: { prompt: "p", stop: ["x"] } }));
    if (!continues) {
      expect(end.flags).toEqual(["RST"]);
    } else {
      expect(contentOf(end)).toMatchObject({ ok: true, answer: "all of it" });
      expect(read.text("a")).toBe("all of it");
      expect(read.attempts("a")).toEqual([0]);
      const second = JSON.parse(sim.adapters.get("a")?.calls[1]?.promptJson ?? "{}") as Record<string, unknown>;
      expect(second).toMatchObject({ stop: ["x"], messages: [{ role: "user", content: "p" }, { role: "assistant" }] });
      expect(second).not.toHaveProperty("prompt");
    }
    await sim.router.close();
  });

  it("one of several is void while the others go on", async () => {
    const sim = createSimulation({
      adapters: [adapter("a", [said("half"), cut()]), adapter("b", [{ afterMs: 100, text: "b", usage }, done])],
    });
    const { end, read } = await run(sim, syn({ meta: { strategy: "fanout" } }));
    expect(contentOf(end)).toMatchObject({ ok: true, answer: "b" });
    expect(read.text("a")).toBe("");
    await sim.router.close();
  });

  it("a cut answer is never a success, and two are never glued", async () => {
    const kinds = ["unavailable", "internal", "protocol", "exhausted", "timeout", "rejected"] as const;
    const call = fc.record({
      pieces: fc.array(fc.stringMatching(/^[a-z]{0,3}$/), { maxLength: 5 }),
      ending: fc.oneof({ weight: 2, arbitrary: fc.constant("final" as const) }, fc.constantFrom(...kinds, "none")),
    });
    const adapters = fc.array(fc.array(call, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
    const strategy = fc.constantFrom("single", "cascade", "race", "fanout", "quorum", "auto");
    await fc.assert(
      fc.asyncProperty(adapters, strategy, fc.constantFrom("gold", "bronze"), async (scripts, name, qos) => {
        const complete = new Set<string>();
        const sim = createSimulation({
          adapters: scripts.map((calls, i): AdapterScript => {
            return adapter(
              `${i}`,
              ...calls.map(({ pieces, ending }): ScriptStep[] => {
                const marked = pieces.map((piece, n) => `${piece}${i}.${n};`);
                if (ending === "final") complete.add(`${i}:${marked.join("")}`);
                return [...marked.map(said), ...(ending === "none" ? [] : ending === "final" ? [done] : [cut(ending)])];
              }),
            );
          }),
        });
        const { end, read } = await run(sim, syn({ qos: qos, meta: { strategy: name } }));
        const { ok, answer, adapter: who } = contentOf(end);
        if (ok === true) {
          expect(complete).toContain(`${String(who)}:${String(answer)}`);
          expect(read.text(String(who))).toBe(answer);
        } else expect(end.flags).toEqual(["RST"]);
        await sim.router.close();
      }),
      { numRuns: 60 },
    );
  });
});
