import { describe, expect, it } from "vitest";
import { burst, paced } from "../../src/router/modes.js";
import { inTurn, mirrored, type Turn, Turns, type Variant } from "../../src/router/rounds.js";

const variant = (name: string): Variant => ({ name, turn: () => Promise.reject(new Error("not asked")) });
const turn = (routerCpuMs: number): Turn => ({ routerCpuMs, firstP50Ms: 1, totalP50Ms: 2, requestsPerSecond: 3 });
const [a, b, c] = [variant("a"), variant("b"), variant("c")];

describe("Turns", () => {
  it("counts a variant's turns of one round as their mean", () => {
    const turns = new Turns();
    turns.add(1, burst, a, turn(1));
    turns.add(1, burst, a, turn(3));
    turns.add(2, burst, a, turn(5));
    expect(turns.values(burst, a, "routerCpuMs")).toEqual([2, 5]);
  });

  it("takes two variants in the rounds that both were in", () => {
    const turns = new Turns();
    for (const round of [1, 2, 3]) turns.add(round, burst, a, turn(round));
    turns.add(2, burst, b, turn(20));
    expect(turns.values(burst, a, "routerCpuMs", b)).toEqual([2]);
    expect(turns.values(burst, b, "routerCpuMs", a)).toEqual([20]);
  });

  it("keeps modes apart, and refuses what was not measured", () => {
    const turns = new Turns();
    turns.add(1, burst, a, turn(1));
    expect(turns.has(burst, a)).toBe(true);
    expect(turns.has(paced, a)).toBe(false);
    expect(() => turns.values(paced, a, "routerCpuMs")).toThrow(/no turn in mode paced/);
    expect(() => turns.values(burst, a, "afterCpuMs")).toThrow(/has no afterCpuMs/);
  });
});

describe("the order of a round", () => {
  it("gives each the first place in turn", () => {
    expect([0, 1, 2, 3].map((round) => inTurn([a, b, c], round)[0]?.name)).toEqual(["a", "b", "c", "a"]);
    expect(inTurn([], 3)).toEqual([]);
  });

  it("goes there and back", () => expect(mirrored([a, b]).map(({ name }) => name)).toEqual(["a", "b", "b", "a"]));
});
