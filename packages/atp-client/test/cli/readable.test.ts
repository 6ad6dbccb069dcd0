import { afterEach, describe, expect, it } from "vitest";
import { createRouter, systemClock } from "../../../atp-router-core/src/index.js";
import type { Router } from "../../../atp-router-core/src/index.js";
import { listen } from "../../../atp-router-core/src/node/index.js";
import type { Listener } from "../../../atp-router-core/src/node/index.js";
import { scriptedAdapter } from "../../../atp-router-core/src/testing/index.js";
import { explain, watch } from "../../src/cli/commands.js";
import { explanation, load } from "../../src/cli/readable.js";
import type { Terminal } from "../../src/cli/terminal.js";

let router: Router | undefined;
let listener: Listener | undefined;
afterEach(async () => {
  await listener?.close();
  await router?.close();
});

/** A real router, and a terminal that keeps what it is told. */
async function world(): Promise<{ url: string; terminal: Terminal; told: () => string }> {
  const clock = systemClock();
  router = createRouter({
    adapters: ["a", "bb"].map((id) => scriptedAdapter(clock, { id, answer: [] })),
  });
  listener = await listen(router, { port: 0 });
  let out = "";
  const terminal = { out: (text: string) => void (out += text), err: () => undefined, json: false, quiet: true };
  return { url: `${listener.url.replace("http", "ws")}/ws`, terminal, told: () => out };
}

describe("what people read", () => {
  it("explains: policy, estimates, rungs with holds, costs and reasons, a line each, and spends nothing", async () => {
    const { url, terminal, told } = await world();
    await explain("hi", { url, strategy: "cascade" }, terminal, new AbortController().signal);
    const lines = told().trim().split("\n");
    const count = (start: string): number => lines.filter((line) => line.startsWith(start)).length;
    expect([
      count("policy "),
      count("strategy  cascade"),
      count("estimate "),
      count("rung 1 "),
      count("rung 2 "),
    ]).toEqual([1, 1, 2, 1, 1]);
    expect(lines.find((line) => line.startsWith("rung 1"))).toMatch(/^rung 1 {4}\w+ holds \d+ tokens, \$0\.\d{6}$/);
    expect([count("expected "), count("at worst ")]).toEqual([1, 1]);
    expect(count("why ")).toBeGreaterThan(0);
  });

  it("watches: lanes, adapters and budgets as tables", async () => {
    const { url, terminal, told } = await world();
    await watch({ url, interval: 1, count: 2 }, terminal, new AbortController().signal);
    const text = told();
    expect(text.match(/^lane +queued +running +granted +shed +oldest wait$/gm)).toHaveLength(2);
    expect(text).toMatch(/^gold +0 +0 +0 +0 +0 ms$/m);
    expect(text).toMatch(/^bb +READY +0 +\d+ ms +0 %$/m);
    expect(text).toMatch(/^tenant +spent +held +left$/m);
  });

  it("what has another shape is told as it is", () => {
    expect(JSON.parse(explanation({ path: 1 }))).toEqual({ path: 1 });
    expect(JSON.parse(load({ at: "x", lanes: null, adapters: 1, budgets: 2 }))).toMatchObject({ adapters: 1 });
    const rows = load({
      at: "x",
      lanes: { slots: 8, running: 1, admitted_share: 0.5, lanes: {} },
      adapters: { adapters: [{ name: "a", status: "READY", running: 1, window: 8, p95_ms: 5, error_rate: 0.25 }] },
      budgets: {
        tenants: {
          t: {
            posted: { tokens: 1, usd_micros: 1_500_000 },
            reserved: { tokens: 0, usd_micros: 2 },
            left: { max_usd_micros: 30 },
          },
        },
      },
    });
    expect(rows).toContain("x  1 of 8 calls, 50 % of what comes is let in\n");
    expect(rows).toMatch(/^a +READY +1 of 8 +5 ms +25 %$/m);
    expect(rows).toMatch(/^t +\$1\.500000 +\$0\.000002 +\$0\.000030$/m);
  });
});
