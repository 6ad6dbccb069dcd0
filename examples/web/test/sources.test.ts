import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openSource } from "../src/server/sources.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

describe("what a citation opens", () => {
  it("the lines around the one cited", async () => {
    const source = await openSource(root, "docs/guides/web.md:1");
    expect(source).toMatchObject({ path: "docs/guides/web.md", line: 1, from: 1 });
    expect(source?.lines[0]).toMatch(/^# The page/);
  });

  it.each([
    "../../etc/passwd:1",
    "/etc/passwd:1",
    "docs/../package.json:1",
    "package.json:1",
    "docs/guides/web.md:0",
    "docs/guides/web.md:99999",
    "docs/guides/web.md",
    "docs/guides:1",
    "docs/\0:1",
    "",
  ])("nothing at %j", async (locator) => {
    expect(await openSource(root, locator)).toBeUndefined();
  });
});
