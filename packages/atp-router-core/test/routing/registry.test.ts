import { describe, expect, it } from "vitest";
import { createRegistry } from "../../src/routing/index.js";
import type { AdapterRegistry } from "../../src/routing/index.js";
import type { AdapterHealth, Failure } from "../../src/model/index.js";

const health = (more: Partial<AdapterHealth> = {}): AdapterHealth => ({
  status: "READY",
  p95Ms: 10,
  errorRate: 0,
  info: {},
  ...more,
});
const failed = (kind: Failure["kind"], retryAfterMs?: number): Failure => ({
  kind,
  message: `it is ${kind}`,
  sent: true,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const status = (r: AdapterRegistry, id = "a"): string | undefined =>
  r.candidates().find((c) => c.info.id === id)?.status;
const withOne = (): AdapterRegistry => {
  const r = createRegistry();
  r.add("a", { name: "alpha" });
  return r;
};

describe("registry: names", () => {
  const names = (r: AdapterRegistry): string[] => r.candidates().map((c) => c.info.name);

  it("takes the configured name, else the adapter's own, else host and port; doubles get a number", () => {
    const r = createRegistry();
    r.add("http://127.0.0.1:7070", {});
    r.add("http://127.0.0.1:7071/", { name: "mine" });
    r.add("http://user:secret@10.0.0.1:7072/x", {});
    expect(names(r)).toEqual(["127.0.0.1:7070", "mine", "10.0.0.1:7072"]);
    r.healthOk("http://127.0.0.1:7070", health({ info: { name: "librarian" } }), 0);
    r.healthOk("http://127.0.0.1:7071/", health({ info: { name: "librarian" } }), 0);
    r.healthOk("http://user:secret@10.0.0.1:7072/x", health({ info: { name: "librarian", tags: ["eu"] } }), 0);
    expect(names(r)).toEqual(["librarian", "mine", "librarian-2"]);
    expect(r.candidates()[2]?.info.tags).toEqual(["eu"]);
  });

  it("keeps a number that was once given, whoever leaves", () => {
    const r = createRegistry();
    for (const id of ["a", "b"]) {
      r.add(id, {});
      r.healthOk(id, health({ info: { name: "x" } }), 0);
    }
    r.remove("a");
    r.healthOk("b", health({ info: { name: "x" } }), 1);
    expect(names(r)).toEqual(["x-2"]);
  });

  it("configuration wins over what the adapter tells of itself", () => {
    const r = createRegistry();
    r.add("a", { contextTokens: 10, tags: ["ours"] });
    r.healthOk("a", health({ info: { contextTokens: 99, tags: ["theirs"], model: "m" } }), 0);
    expect(r.candidates()[0]?.info).toMatchObject({ contextTokens: 10, tags: ["ours"], model: "m" });
  });
});

describe("registry: reachability", () => {
  it("two failures in a row make it DOWN, one success makes it READY", () => {
    const r = withOne();
    expect(r.healthFailed("a", failed("unavailable"), 0)).toEqual([]);
    expect(r.healthFailed("a", failed("unavailable"), 1)).toEqual([
      { id: "a", name: "alpha", from: "READY", to: "DOWN", reason: "it is unavailable" },
    ]);
    expect(r.healthOk("a", health(), 2)).toMatchObject([{ from: "DOWN", to: "READY" }]);
  });

  it("failures that are not in a row do not", () => {
    const r = withOne();
    for (let at = 0; at < 10; at++) {
      r.healthFailed("a", failed("unavailable"), at);
      r.callEnded("a", "ok", at);
    }
    expect(status(r)).toBe("READY");
  });

  it("a call that does not reach it counts like a probe", () => {
    const r = withOne();
    r.callEnded("a", failed("unavailable"), 0);
    expect(r.probesDue(0)).toEqual(["a"]);
    expect(r.healthFailed("a", failed("unavailable"), 1)).toMatchObject([{ to: "DOWN" }]);
  });

  it("is probed at once, each 10 s when well, and after 1, 2, 4, 8, 10, 10 s when down", () => {
    const r = withOne();
    expect(r.nextProbeAt()).toBe(-Infinity);
    expect(r.probesDue(0)).toEqual(["a"]);
    expect(r.probesDue(1)).toEqual([]);
    r.healthOk("a", health(), 5);
    expect(r.nextProbeAt()).toBe(10_005);
    let at = 10_005;
    expect(r.probesDue(at)).toEqual(["a"]);
    r.healthFailed("a", failed("unavailable"), at);
    expect(r.nextProbeAt()).toBe(at);
    const gaps: number[] = [];
    for (let i = 0; i < 6; i++) {
      r.probesDue(at);
      r.healthFailed("a", failed("unavailable"), at);
      const next = r.nextProbeAt() ?? 0;
      gaps.push(next - at);
      at = next;
    }
    expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it("a probe that is never answered is sent again", () => {
    const r = withOne();
    r.probesDue(0);
    expect(r.probesDue(9_999)).toEqual([]);
    expect(r.probesDue(10_000)).toEqual(["a"]);
  });

  it.each(["BUSY", "PAUSE", "DRAINING"] as const)(
    "%s is honoured until it says otherwise, and asked again when it said",
    (said) => {
      const r = withOne();
      expect(r.healthOk("a", health({ status: said, retryAfterMs: 3_000 }), 0)).toMatchObject([
        { from: "READY", to: said },
      ]);
      expect(r.nextProbeAt()).toBe(3_000);
      expect(r.healthOk("a", health(), 3_000)).toMatchObject([{ from: said, to: "READY" }]);
    },
  );

  it("nothing is known of an adapter that was removed", () => {
    const r = withOne();
    r.remove("a");
    expect(r.candidates()).toEqual([]);
    expect(r.nextProbeAt()).toBeNull();
    expect(r.callEnded("a", "ok", 0)).toEqual([]);
    expect(r.healthOk("a", health(), 0)).toEqual([]);
    expect(r.healthFailed("a", failed("internal"), 0)).toEqual([]);
  });
});

describe("registry: the breaker", () => {
  const fail = (r: AdapterRegistry, n: number, at = 0, kind: Failure["kind"] = "internal"): void => {
    for (let i = 0; i < n; i++) r.callEnded("a", failed(kind), at);
  };

  it("opens at 5 failed calls in a row, and not at 4", () => {
    const r = withOne();
    fail(r, 4);
    r.callEnded("a", "ok", 0);
    fail(r, 4);
    expect(status(r)).toBe("READY");
    fail(r, 1);
    expect(status(r)).toBe("DOWN");
  });

  it("opens at half of 20 calls within 10 s, and not when they are spread out", () => {
    const mixed = (spreadMs: number): string | undefined => {
      const r = withOne();
      for (let i = 0; i < 20; i++) r.callEnded("a", i % 2 === 0 ? "ok" : failed("timeout"), i * spreadMs);
      return status(r);
    };
    expect(mixed(400)).toBe("DOWN");
    expect(mixed(1_500)).toBe("READY");
  });

  it("a healthy probe does not close it: it gets a trial when its time is over, and one failure opens it for longer", () => {
    const r = withOne();
    fail(r, 5, 0);
    expect(r.healthOk("a", health(), 1_000)).toEqual([]);
    expect(status(r)).toBe("DOWN");
    expect(r.nextProbeAt()).toBe(5_000);
    expect(r.healthOk("a", health(), 5_000)).toMatchObject([{ to: "READY" }]);
    fail(r, 1, 5_100);
    expect(status(r)).toBe("DOWN");
    expect(r.healthOk("a", health(), 15_000)).toEqual([]);
    r.healthOk("a", health(), 15_100);
    r.callEnded("a", "ok", 15_200);
    fail(r, 1, 15_300);
    expect(status(r)).toBe("READY");
    // While it comes back, less is enough.
    fail(r, 1, 15_300);
    expect(status(r)).toBe("DOWN");
  });

  it("half open, one stream asks it first, then 10, 25, 50 and 100% of them; the others ask it last", () => {
    const r = withOne();
    const firsts = (n: number, at: number): number =>
      Array.from({ length: n }, () => r.offers(at)[0]).filter((c) => c?.late === undefined && c?.shutMs === undefined)
        .length;
    fail(r, 5, 0);
    r.healthOk("a", health(), 5_000);
    expect(firsts(100, 5_000)).toBe(1);
    // A trial that was not made is another stream's two seconds later.
    expect(firsts(100, 6_999)).toBe(0);
    expect(firsts(100, 7_000)).toBe(1);
    const shares: number[] = [];
    r.callEnded("a", "ok", 7_100);
    for (let step = 0; step < 4; step++) {
      shares.push(firsts(100, 7_200));
      for (let i = 0; i < 5; i++) r.callEnded("a", "ok", 7_200);
    }
    expect(shares).toEqual([10, 25, 50, 100]);
  });

  it("an open breaker is offered to nobody, but once a second where nobody else is left", () => {
    const r = withOne();
    r.add("b", { name: "beta" });
    fail(r, 5, 0);
    expect(r.offers(0)).toMatchObject([{ status: "DOWN", shutMs: 5_000 }, { status: "READY" }]);
    r.healthFailed("b", failed("unavailable"), 1);
    r.healthFailed("b", failed("unavailable"), 1);
    const asked = [1, 500, 1_001, 1_500].map((at) => r.offers(at)[0]?.shutMs === undefined);
    expect(asked).toEqual([true, false, true, false]);
    // It answers: it comes back by the ramp, sooner than its time.
    expect(r.callEnded("a", "ok", 1_600)).toMatchObject([{ to: "READY" }]);
    expect(r.view(1_600)[0]?.breaker).toEqual({ state: "ramp", share: 0.1 });
  });

  it("opens when half of 20 calls begin so late that others stood in", () => {
    const r = withOne();
    for (let i = 0; i < 10; i++) {
      r.callEnded("a", "ok", i);
      r.callSlow("a", i);
    }
    expect(status(r)).toBe("DOWN");
  });

  it("turned off, nothing opens", () => {
    const r = createRegistry({ breaker: "off", outliers: "off" });
    r.add("a", {});
    fail(r, 100);
    expect(status(r)).toBe("READY");
  });
});

describe("registry: windows", () => {
  it("a full adapter is asked last, by the lesser of its own word and configuration", () => {
    const r = createRegistry();
    r.add("a", { maxParallel: 3 });
    const late = (): boolean => r.offers(0)[0]?.late === true;
    expect(r.windowOf("a")).toBe(3);
    r.healthOk("a", health({ suggestedMaxParallel: 2 }), 0);
    expect(r.windowOf("a")).toBe(2);
    r.callStarted("a");
    expect([late(), r.isWelcome("a", 0)]).toEqual([false, true]);
    r.callStarted("a");
    expect([late(), r.isWelcome("a", 0)]).toEqual([true, false]);
    r.callLeft("a");
    expect(late()).toBe(false);
  });

  it.each([
    ["BUSY", false],
    ["PAUSE", false],
    ["DRAINING", false],
    ["READY", true],
  ] as const)("%s: a second call is welcome: %s", (said, welcome) => {
    const r = withOne();
    r.healthOk("a", health({ status: said }), 0);
    expect(r.isWelcome("a", 0)).toBe(welcome);
  });
});

describe("registry: the breaker, what does not open it", () => {
  const fail = (r: AdapterRegistry, n: number, at = 0, kind: Failure["kind"] = "internal"): void => {
    for (let i = 0; i < n; i++) r.callEnded("a", failed(kind), at);
  };

  it.each(["exhausted", "rejected", "cancelled", "budget"] as const)(
    "%s says nothing of the adapter's health",
    (kind) => {
      const r = withOne();
      fail(r, 50, 0, kind);
      expect(status(r)).toBe("READY");
    },
  );

  it("at capacity it is BUSY for as long as it asks", () => {
    const r = withOne();
    expect(r.callEnded("a", failed("exhausted", 2_000), 0)).toMatchObject([{ to: "BUSY" }]);
    expect(r.nextProbeAt()).toBe(2_000);
    expect(r.healthOk("a", health(), 2_000)).toMatchObject([{ from: "BUSY", to: "READY" }]);
  });

  it("A7.5-3 rates down who bills above its holds, and gives it back with honest bills", () => {
    const registry = createRegistry();
    registry.add("a", {});
    expect(registry.ratingOf("a")).toBe(1);
    registry.callOverran("a", 1.1);
    expect(registry.ratingOf("a")).toBeCloseTo(0.97);
    registry.callOverran("a", 50);
    expect(registry.ratingOf("a")).toBeCloseTo(0.97 * 0.7);
    for (let i = 0; i < 100; i++) registry.callBilled("a");
    expect(registry.ratingOf("a")).toBeGreaterThan(0.97);
    expect(registry.ratingOf("a")).toBeLessThanOrEqual(1);
    // Whoever is not known has done nothing.
    expect(registry.ratingOf("b")).toBe(1);
    expect(registry.view(0)[0]).toMatchObject({ rating: registry.ratingOf("a") });
  });
});
