import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { coverageTable } from "../../conformance/src/coverage.js";
import { readExclusions, readTraces, readVectors } from "../../conformance/src/data.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

describe("coverage of the specification", () => {
  const { markdown, problems } = coverageTable(`${root}docs/spec/requirements.json`);

  it("A13-2 every MUST has a check or a written reason, and no reason is stale", () => {
    expect(problems).toEqual([]);
  });

  it("A13-2 the table in docs/spec is current", () => {
    expect(readFileSync(`${root}docs/spec/coverage.md`, "utf8")).toBe(markdown);
  });

  it("A13-2 no reason speaks of tests that are still to come", () => {
    expect(readExclusions().filter(({ reason }) => /to be held|not yet|later/i.test(reason))).toEqual([]);
  });

  it("A13-2 a reason names only tests that exist", () => {
    const paths = readExclusions().flatMap(({ reason }) => reason.match(/(packages|examples)\/[\w./-]+\w/g) ?? []);
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
  });
});

describe("the suite's data", () => {
  it("A13-2 ids are unique, and every check cites rules", () => {
    const vectors = readVectors().flatMap(({ suite, pairs = [], cases = [], seals = [], splits = [] }) =>
      [...pairs, ...cases, ...seals, ...splits].map(({ id, rules }) => ({ id: `${suite}/${id}`, rules })),
    );
    const all = [...vectors, ...readTraces().map(({ id, rules }) => ({ id, rules }))];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.filter(({ rules }) => rules.length === 0)).toEqual([]);
  });

  it("A13-2 each pair takes one subject and refuses one", () => {
    const pairs = readVectors().flatMap(({ pairs = [] }) => pairs);
    expect(pairs.filter(({ accept, reject }) => accept.length === 0 || reject.length === 0)).toEqual([]);
  });

  it("A13-2 a trace that moves the clock or commands what a live router cannot do is marked virtual", () => {
    const own = new Set(["say", "answer", "plan"]);
    const unmarked = readTraces().filter(
      ({ side, virtual, live, steps }) =>
        side === "router" &&
        virtual === undefined &&
        live !== true &&
        steps.some(
          ({ advance, do: command }) => advance !== undefined || (command !== undefined && !own.has(command.op)),
        ),
    );
    expect(unmarked.map(({ id }) => id)).toEqual([]);
  });
});
