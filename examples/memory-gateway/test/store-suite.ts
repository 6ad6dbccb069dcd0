import { beforeEach, describe, expect, it } from "vitest";
import type { MemoryStore, Quota } from "../src/memory-store.js";

/** A store under test. */
export interface SuiteStore {
  readonly store: MemoryStore;
  /** Lets time pass for the store. */
  readonly pass: (ms: number) => Promise<void>;
}

/**
 * What every {@link MemoryStore} does.
 * @param open a new, empty store
 */
export function storeSuite(name: string, open: (quota?: Quota) => Promise<SuiteStore>): void {
  describe(`${name} as a MemoryStore`, () => {
    let store: MemoryStore;
    let pass: SuiteStore["pass"];
    beforeEach(async () => {
      ({ store, pass } = await open());
    });
    const at = (key: string, ns = "acme/p") => ({ ns, key });
    const put = (key: string, json: string, ttlMs?: number, ns?: string) => store.put(at(key, ns), json, ttlMs, {});
    const etagOf = async (key: string): Promise<string> => (await store.get(at(key)))?.etag ?? "none";

    it("gives back what was put, in a new version each time", async () => {
      expect(await store.get(at("k"))).toBeUndefined();
      const first = await put("k", '{"a":1}');
      expect(first.outcome).toBe("created");
      const second = await put("k", '{"a":"ü"}');
      expect(second.outcome).toBe("replaced");
      expect(second).not.toEqual({ ...first, outcome: "replaced" });
      expect(await store.get(at("k"))).toMatchObject({ json: '{"a":"ü"}', etag: await etagOf("k") });
    });

    it.each([
      ["If-Match of the version there is", "match", true],
      ["If-Match of another version", "other", false],
      ["If-Match *", "*", true],
      ["If-Match of nothing", "empty", false],
    ])("C2.2-3 writes on %s: %s", async (_name, which, holds) => {
      await put("k", "1");
      const etag = await etagOf("k");
      const ifMatch = which === "*" ? "*" : which === "empty" ? [] : [which === "match" ? etag : "x-1", "x-2"];
      expect((await store.put(at("k"), "2", undefined, { ifMatch })).outcome).toBe(holds ? "replaced" : "failed");
      expect((await store.get(at("k")))?.json).toBe(holds ? "2" : "1");
    });

    it("C2.2-3 creates only once on If-None-Match *, of 20 at once", async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => store.put(at("k"), String(n), undefined, { ifNoneMatch: "*" })),
      );
      expect(outcomes.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
      expect(outcomes.filter(({ outcome }) => outcome === "failed")).toHaveLength(19);
    });

    it("C2.2-3 deletes what is there, and only in the version asked for", async () => {
      expect(await store.delete(at("k"), {})).toBe("absent");
      expect(await store.delete(at("k"), { ifMatch: "*" })).toBe("failed");
      await put("k", "1");
      expect(await store.delete(at("k"), { ifMatch: ["x-1"] })).toBe("failed");
      expect(await store.delete(at("k"), { ifMatch: [await etagOf("k")] })).toBe("deleted");
      expect(await store.get(at("k"))).toBeUndefined();
    });

    it("C2.2-4 never gives out what has expired, nor counts or finds it", async () => {
      await put("k", '"fleeting"', 1_000);
      await put("stays", '"fleeting too"');
      expect(await store.search("fleeting", undefined, 10)).toHaveLength(2);
      await pass(1_100);
      expect(await store.get(at("k"))).toBeUndefined();
      expect((await store.search("fleeting", undefined, 10)).map(({ key }) => key)).toEqual(["stays"]);
      // The name is free again.
      expect((await store.put(at("k"), "1", undefined, { ifNoneMatch: "*" })).outcome).toBe("created");
      expect((await store.usage("acme")).objects).toBe(2);
    });

    it("keeps for ever what is written again without a time to live", async () => {
      await put("k", "1", 1_000);
      await put("k", "2");
      await pass(1_100);
      expect((await store.get(at("k")))?.json).toBe("2");
    });

    it("C2.3 finds words of objects and paths, within a namespace, best first, in the version there is", async () => {
      await put("one", '{"text":"budgets are kept by holds"}');
      await put("two", '{"text":"lanes"}', undefined, "acme/q");
      await put("three", '{"text":"budgets"}', undefined, "acmeplus/p");
      expect((await store.search("budgets", "acme", 10)).map(({ key }) => key)).toEqual(["one"]);
      expect(await store.search("budgets", undefined, 10)).toHaveLength(2);
      expect(await store.search("budgets", undefined, 1)).toHaveLength(1);
      expect((await store.search("three", undefined, 10))[0]?.ns).toBe("acmeplus/p");
      await put("one", '{"text":"rewritten"}');
      expect(await store.search("holds", "acme", 10)).toEqual([]);
      const [hit] = await store.search("rewritten", "acme", 10);
      expect(hit).toMatchObject({ ns: "acme/p", key: "one", etag: await etagOf("one") });
      await store.delete(at("one"), {});
      expect(await store.search("rewritten", undefined, 10)).toEqual([]);
    });

    it("counts by tenant", async () => {
      await put("k", "1");
      await put("k", "22");
      await put("l", "1");
      await put("k", "1", undefined, "other/p");
      const bytes = "22".length + "1".length + 2 * "acme/p/k".length;
      expect(await store.usage("acme")).toEqual({ bytes, objects: 2 });
      await store.delete(at("l"), {});
      expect(await store.usage("acme")).toEqual({ bytes: "22".length + "acme/p/k".length, objects: 1 });
      expect(await store.usage("nobody")).toEqual({ bytes: 0, objects: 0 });
    });

    it("refuses what passes a tenant's quota, and nobody else's", async () => {
      ({ store, pass } = await open({ maxObjects: 2, maxBytes: 100 }));
      await put("a", "1", 1_000);
      await put("b", "1");
      expect(await put("c", "1")).toEqual({ outcome: "quota", over: "objects" });
      expect(await put("b", JSON.stringify("x".repeat(100)))).toEqual({ outcome: "quota", over: "bytes" });
      expect((await put("b", "2")).outcome).toBe("replaced");
      expect((await put("c", "1", undefined, "other/p")).outcome).toBe("created");
      await pass(1_100);
      expect((await put("c", "1")).outcome).toBe("created");
    });

    it("never passes a quota, of 20 at once", async () => {
      ({ store } = await open({ maxObjects: 5 }));
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => put(`k${n}`, "1")));
      expect(outcomes.filter(({ outcome }) => outcome === "created")).toHaveLength(5);
      expect((await store.usage("acme")).objects).toBe(5);
    });
  });
}
