import { describe, expect, it } from "vitest";
import { matchRoute } from "../../src/routing/index.js";
import type { Route } from "../../src/model/index.js";
import { task } from "./fixtures.js";

const routes: Route[] = [
  { match: { taskType: "qa", qos: "gold" }, quorum: 1 },
  { match: { taskType: "qa" }, quorum: 2 },
  { match: { qos: "bronze" }, quorum: 3 },
];

describe("matchRoute", () => {
  it.each([
    ["task and lane", "qa", "gold", 1],
    ["task alone, any lane", "qa", "bronze", 2],
    ["lane alone, any task", "code", "bronze", 3],
    ["nothing", "code", "gold", undefined],
  ] as const)("the first route that fits wins: %s", (_, taskType, qos, quorum) => {
    expect(matchRoute(routes, task({ taskType }), qos)?.quorum).toBe(quorum);
  });
});
