// No accessibility violation that axe knows of, in every view, both colours and both widths.
import axe from "axe-core";
import { expect, startWeb } from "./support/web.mjs";

export const name = "axe";

export async function run(browser) {
  const web = await startWeb();
  let looks = 0;
  let rules = 0;
  const found = [];
  try {
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [1280, 390]) {
        // The page's own policy lets no script in that is not its own.
        const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        const page = await context.newPage();
        await page.goto(web.url);
        await page.addScriptTag({ content: axe.source });
        const look = async (what) => {
          const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
          looks++;
          rules = Math.max(rules, passes.length);
          for (const { id, nodes } of violations)
            found.push(
              `${what} ${colorScheme} ${width}: ${id} at ${nodes.map(({ target }) => target.join(" ")).join(", ")}`,
            );
        };
        await look("empty");
        await page.getByRole("button", { name: "Ask" }).click();
        await page.locator(".pane.speaking").first().waitFor();
        await look("running");
        await page.locator("[data-status=done]").waitFor();
        await page.getByText("Why this plan").click();
        await look("done");
        await page.locator(".citations button").first().click();
        await page.locator("dialog mark").waitFor();
        await look("source");
        await page.keyboard.press("Escape");
        await page.getByRole("tab", { name: "Frames" }).click();
        await page.locator(".frame > button").first().click();
        await look("frames");
        await page.getByRole("tab", { name: "Lanes" }).click();
        await page.locator(".lanes table").waitFor();
        await look("lanes");
        await context.close();
      }
    }
  } finally {
    await web.close();
  }
  expect(found.length === 0, `no violation:\n${[...new Set(found)].join("\n")}`);
  return `${looks} looks, up to ${rules} rules held in one, no violation`;
}
