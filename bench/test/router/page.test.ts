import { describe, expect, it } from "vitest";
import { goal, met, type Report } from "../../src/harness/report.js";
import { figures, withFigures } from "../../src/router/page.js";

const run: Report = {
  name: "router",
  at: "2026-01-02T03:04:05.000Z",
  machine: { cpu: "a cpu", cores: 2, memoryMb: 4096, kernel: "6.1", node: "v20.20.2" },
  calibration: { jsonParseNs: 1500 },
  goals: [goal("R1.burst", "CPU", "x", { value: 1.23456, min: 1, max: 1.4, rounds: 5 }, "<=", 1.3)],
  info: { rss: { value: 100, min: 100, max: 100, rounds: 1, unit: "MiB" } },
  settings: {},
};

describe("page", () => {
  it("tells each goal with its extremes and whether it is met", () => {
    expect(figures(run)).toContain("| `R1.burst` | CPU | **1.235** x | 1 to 1.4 | <= 1.3 | met |");
    expect(figures(run)).toContain("| `rss` | 100 MiB |  |");
  });

  it("replaces what stands between the marks and nothing else", () => {
    const page = "# A\n\n<!-- figures: written by the bench, not by hand -->\nold\n<!-- end of figures -->\n\nafter\n";
    const once = withFigures(page, "new");
    expect(once).toBe(page.replace("old", "new"));
    expect(withFigures(once, "new")).toBe(once);
  });

  it("refuses a page without marks", () => expect(() => withFigures("# A\n", "new")).toThrow(/figures/));
});

describe("met", () => {
  it.each([
    { op: "<=", value: 1.3, want: true },
    { op: "<=", value: 1.31, want: false },
    { op: ">=", value: 1.2, want: false },
    { op: "==", value: 1.3, want: true },
    { op: "<=", value: Number.NaN, want: false },
  ] as const)("$value $op 1.3 is $want", ({ op, value, want }) => {
    expect(met(goal("g", "", "", { value, min: value, max: value, rounds: 1 }, op, 1.3))).toBe(want);
  });
});
