import { describe, expect, it } from "vitest";
import { boxHeight, layOut } from "../src/page/run/plan-layout.js";
import type { Layout } from "../src/page/run/plan-layout.js";
import { planOf } from "./plans.js";

const plans = [
  planOf(["a"]),
  planOf(["a", "b", "c"]),
  planOf(["a"], ["b"], ["c"]),
  planOf(["a", "a#1", "a#2"], ["b", "c"]),
  planOf(),
];

function overlaps({ boxes, boxWidth }: Layout): boolean {
  return boxes.some((one, i) =>
    boxes.slice(i + 1).some((other) => Math.abs(one.x - other.x) < boxWidth && Math.abs(one.y - other.y) < boxHeight),
  );
}

describe.each([
  ["sideways", false],
  ["downwards", true],
])("a plan laid out %s", (_name, isNarrow) => {
  it.each(plans)("%#: each call once, between question and weighing, none over another, all inside", (plan) => {
    const layout = layOut(plan, isNarrow);
    const calls = plan.rungs.flat().length;
    expect(layout.boxes.map(({ kind }) => kind)).toEqual(["end", ...Array<string>(calls).fill("call"), "end"]);
    expect(new Set(layout.boxes.map(({ id }) => id)).size).toBe(calls + 2);
    expect(overlaps(layout)).toBe(false);
    for (const { x, y } of layout.boxes) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + layout.boxWidth).toBeLessThanOrEqual(layout.width);
      expect(y + boxHeight).toBeLessThanOrEqual(layout.height);
    }
    if (calls > 0)
      for (const { id } of layout.boxes.slice(1, -1)) expect(layout.edges.some(({ slot }) => slot === id)).toBe(true);
  });

  it("fits a page of 320 pixels where it is narrow", () => {
    if (isNarrow) for (const plan of plans) expect(layOut(plan, true).width + 4).toBeLessThanOrEqual(320 - 46);
  });
});
