import { describe, expect, it } from "vitest";
import { runTestee } from "../../conformance/src/run-testee.js";
import type { Testee } from "../../conformance/src/testee/protocol.js";
import { createTypescriptTestee } from "../../conformance/src/testee/typescript.js";
import { brokenPeers } from "./broken-peers.js";

const failuresOf = async (testee: Testee): Promise<string> => {
  const { results } = await runTestee(testee, { profile: "all" });
  const failures = results.filter(({ outcome }) => outcome === "failed");
  return failures.map(({ id, message }) => `${id}: ${message}`).join("\n");
};
const withoutBreaks = await failuresOf(createTypescriptTestee());

describe("trust in the suite", () => {
  it.each(brokenPeers.map((peer) => [peer.breaks, peer] as const))("A13-2 catches %s", async (_name, peer) => {
    expect(withoutBreaks).not.toMatch(peer.found);
    expect(await failuresOf(peer.wrap(createTypescriptTestee()))).toMatch(peer.found);
  });
});
