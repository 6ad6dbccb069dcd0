import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AtpError, createClient, isAtpError } from "../src/index.js";
import type { AtpClient, ThrottleOptions } from "../src/index.js";
import { Throttle } from "../src/throttle.js";
import { MemoryRouter } from "./support/memory-router.js";
import { VirtualClock } from "./support/virtual-clock.js";

const overload = new AtpError("EOVERLOAD", "full", { retryAfterMs: 7_000 });

/** A throttle with a fixed random number, and how many of `count` requests it lets out. */
function asking(random: number): { throttle: Throttle; ask: (count: number, error?: unknown, now?: number) => number } {
  const throttle = new Throttle({}, () => random);
  return {
    throttle,
    ask(count, error, now = 0) {
      let sent = 0;
      for (let i = 0; i < count; i++) {
        const told = throttle.ask("silver", now);
        if (told instanceof AtpError) continue;
        sent++;
        told(error);
      }
      return sent;
    },
  };
}

describe("a client's throttle", () => {
  it.each([
    { name: "all let in", before: 100, error: undefined, sent: 100 },
    { name: "another error is no overload", before: 100, error: new AtpError("EBUDGET", "no money"), sent: 100 },
    { name: "all refused", before: 100, error: overload, sent: 0 },
    { name: "fewer than ten say nothing", before: 9, error: overload, sent: 1, then: 1 },
  ])("$name", ({ before, error, sent, then = 100 }) => {
    const { ask } = asking(0.5);
    ask(before, error);
    expect(ask(then, undefined)).toBe(sent);
  });

  it("sends about twice what is let in (K = 2)", () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const throttle = new Throttle({}, random);
    let sent = 0;
    let letIn = 0;
    // The router lets one in every 20 ms; 500 a second are asked for.
    for (let at = 0, nextFree = 0; at < 110_000; at += 2) {
      const told = throttle.ask("silver", at);
      if (told instanceof AtpError) continue;
      sent++;
      if (at >= nextFree) {
        nextFree = at + 20;
        letIn++;
        told();
      } else told(overload);
    }
    expect(sent / letIn).toBeGreaterThan(1.5);
    expect(sent / letIn).toBeLessThan(2.5);
  });

  it("takes a burst without answers for no overload", () => {
    const throttle = new Throttle({}, () => 0);
    for (let i = 0; i < 1_000; i++) expect(throttle.ask("silver", 0)).not.toBeInstanceOf(AtpError);
  });

  it("forgets after its window, and each lane stands for itself", () => {
    const { throttle, ask } = asking(0.5);
    ask(100, overload);
    expect(throttle.ask("gold", 0)).not.toBeInstanceOf(AtpError);
    expect(throttle.ask("silver", 60_000)).toBeInstanceOf(AtpError);
    expect(throttle.ask("silver", 240_000)).not.toBeInstanceOf(AtpError);
  });

  it("tells when the router said to come back", () => {
    const { throttle, ask } = asking(0.5);
    ask(100, overload);
    expect(throttle.ask("silver", 2_000)).toMatchObject({ code: "EOVERLOAD", retryAfterMs: 5_000, processed: "no" });
    expect(throttle.ask("silver", 9_000)).toMatchObject({ retryAfterMs: 1_000 });
  });

  it("never holds back while at least half is let in", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), fc.double({ min: 0, max: 0.999_999 }), (pairs, u) => {
        const throttle = new Throttle({}, () => u);
        for (const first of pairs) {
          for (const isLetIn of [first, !first]) {
            const told = throttle.ask("silver", 0);
            // In each pair one is refused: after an odd one there may be one refusal more than half.
            if (told instanceof AtpError) return u < 1 / 11;
            told(isLetIn ? undefined : overload);
          }
        }
        return true;
      }),
    );
  });
});

describe("a client of an overloaded router", () => {
  function world(throttle?: ThrottleOptions | false): { client: AtpClient; opened: () => number } {
    const clock = new VirtualClock();
    let opened = 0;
    const router = new MemoryRouter(clock, {
      opened(stream) {
        opened++;
        stream.refuse(overload);
      },
    });
    const client = createClient({
      url: "ws://router.test/ws",
      socket: router.socket,
      clock,
      random: () => 0.5,
      ...(throttle === undefined ? {} : { throttle }),
    });
    return { client, opened: () => opened };
  }

  async function refusals(client: AtpClient, count: number): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (let i = 0; i < count; i++)
      errors.push(
        await client
          .stream("hi")
          .final()
          .catch((error: unknown) => error),
      );
    return errors;
  }

  it("sends no more than it must, and gives back what it held", async () => {
    const { client, opened } = world();
    const errors = await refusals(client, 50);
    expect(errors.every((error) => isAtpError(error) && error.code === "EOVERLOAD")).toBe(true);
    expect(opened()).toBe(10);
    const run = client.stream("again");
    await expect(run.final()).rejects.toMatchObject({ details: { refused_by: "client" } });
    expect(run.unsent).toEqual({ prompt: "again" });
    expect(opened()).toBe(10);
  });

  it("sends all when told so", async () => {
    const { client, opened } = world(false);
    await refusals(client, 50);
    expect(opened()).toBe(50);
  });
});
