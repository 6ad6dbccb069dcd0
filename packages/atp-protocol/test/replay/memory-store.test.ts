import { describe, expect, it } from "vitest";
import { createReplayMemory, replayCompliance } from "../../src/replay/index.js";

describe("the replay store in memory", () => {
  it.each(replayCompliance(createReplayMemory).map((each) => [each.name, each] as const))("%s", async (_name, each) => {
    await expect(each.run()).resolves.toBeUndefined();
  });

  it("the suite catches a store that evicts ends", async () => {
    const broken = () => {
      const store = createReplayMemory();
      return {
        ...store,
        append: (key: Parameters<typeof store.append>[0], entry: Parameters<typeof store.append>[1], bytes: number) =>
          store.append(key, { ...entry, end: false }, bytes),
      };
    };
    const results = await Promise.allSettled(replayCompliance(broken).map((each) => each.run()));
    expect(results.filter((result) => result.status === "rejected").length).toBeGreaterThan(0);
  });
});
