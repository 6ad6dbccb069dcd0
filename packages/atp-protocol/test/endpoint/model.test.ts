import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultLimits, type EndpointConfig } from "../../src/index.js";
import { World } from "../support/world.js";

type Act = readonly [kind: number, n: number];
const acts = fc.array(fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 15 })), { maxLength: 150, size: "max" });

function perform(world: World, [kind, n]: Act, cuts: boolean, size: number): void {
  if (kind < 12) world.open();
  else if (kind < 42) world.say(n, `${n.toString(16)}${"·".repeat(n * size)}`);
  else if (kind < 50) world.end(n);
  else if (kind < 62) world.deliver("router", 1 + n);
  else if (kind < 76) world.deliver("client", 1 + n);
  else if (kind < 80) world.consume();
  else if (kind < 84) world.input(n);
  else if (kind < 86) world.cancel(n);
  else if (kind < 89) world.drain();
  else if (kind < 92) {
    // A HELLO that takes 10 s is refused for good (4408): that is not what is tried here.
    world.deliver("router", 1);
    world.advance(n * 500);
  } else if (kind < 96) world.connect();
  else if (cuts) world.cut();
}

function judge(world: World): void {
  for (const [ref, told] of world.streams) {
    expect(told.ends.length, `${ref} ends`).toBeLessThanOrEqual(1);
    expect(told.inputsTaken, `${ref} inputs`).toEqual(told.inputsTaken.map((_, index) => index + 1));
    const end = told.ends[0];
    if (told.routerEnded) expect(end, `${ref} ended by the router`).not.toBe(undefined);
    // What was said was heard, in order; after an eviction an ended stream brings only its end.
    if (end !== undefined) expect(told.said.startsWith(told.heard), ref).toBe(true);
    if (end === undefined) expect(told.heard, ref).toBe(told.said);
    if (end === undefined) expect(told.inputsTaken.length, ref).toBe(told.inputsSent);
  }
}

const fragmented = { limits: { ...defaultLimits, max_frame_bytes: 900 } };

/** More runs than usual: `ATP_RUNS=20 npx vitest run ...`. */
const factor = Number(process.env["ATP_RUNS"] ?? 1);

/** `size`: how much longer than usual what is said is. */
const run = (make: () => World, cuts: boolean, numRuns: number, check = judge, size = 1): void => {
  fc.assert(
    fc.property(acts, (list) => {
      const world = make();
      // A cut before the first welcome leaves nothing to resume: what was sent until then is cut, rightly.
      world.settle();
      for (const act of list) perform(world, act, cuts, size);
      world.settle();
      check(world);
    }),
    { numRuns: numRuns * factor, endOnFailure: process.env["ATP_NO_SHRINK"] !== undefined },
  );
};
const roomy: Partial<EndpointConfig> = {};
const tight: Partial<EndpointConfig> = { highMarkBytes: 1_500, lowMarkBytes: 300 };
const forgetful: Partial<EndpointConfig> = { limits: { ...defaultLimits, retention_bytes: 1_200 } };

describe("two endpoints joined by a socket", () => {
  it.each([
    ["plain", [], roomy],
    ["over the marks", [], tight],
    ["with credit", ["credit"], roomy],
    ["with resume", ["resume"], tight],
  ] as const)("A5.3 A5.4 %s: all that was said is heard, in order, with one end", (_name, capabilities, over) => {
    run(() => new World(capabilities, over), false, 300);
  });

  it.each([
    ["ample buffers", ["resume"], roomy],
    ["full sockets", ["resume"], tight],
    ["credit", ["resume", "credit"], tight],
  ] as const)(
    "A9.2 cut at any place and resumed (%s): nothing is lost, nothing comes twice",
    (_name, capabilities, over) => {
      run(
        () => new World(capabilities, over),
        true,
        500,
        (world) => {
          judge(world);
          for (const told of world.streams.values()) {
            expect(told.ends).not.toContain("cut");
            if (told.ends[0] === "FIN") expect(told.heard).toBe(told.said);
          }
        },
      );
    },
  );

  it("A9.2 evicted messages come back as a snapshot under a higher attempt", () => {
    let snapshots = 0;
    run(
      () => new World(["resume"], forgetful),
      true,
      500,
      (world) => {
        judge(world);
        for (const told of world.streams.values()) snapshots += told.attempt;
      },
    );
    expect(snapshots).toBeGreaterThan(0);
  });

  it.each([
    ["at once", ["fragments"], fragmented, false],
    ["in turns on a full socket", ["fragments"], { ...fragmented, highMarkBytes: 2_000, lowMarkBytes: 500 }, false],
    [
      "cut inside a message",
      ["fragments", "resume", "credit"],
      { ...fragmented, highMarkBytes: 2_000, lowMarkBytes: 500 },
      true,
    ],
  ] as const)("A6 messages over max_frame_bytes come back whole, %s", (_name, capabilities, over, cuts) => {
    run(() => new World(capabilities, over, { limits: over.limits }), cuts, 300, judge, 60);
  });

  it("A8.1 the router never starts a message beyond the credit", () => {
    let worlds = 0;
    run(
      () => new World(["credit"], roomy),
      false,
      200,
      (world) => {
        judge(world);
        expect(world.creditExceeded).toBe(0);
        worlds++;
      },
      5,
    );
    expect(worlds).toBeGreaterThanOrEqual(200);
  });

  it("A4.3 without resume a cut ends every stream, once", () => {
    run(
      () => new World([]),
      true,
      300,
      (world) => {
        for (const told of world.streams.values()) expect(told.ends.length).toBeLessThanOrEqual(1);
      },
    );
  });
});
