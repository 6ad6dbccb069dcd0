// The two other views, the frames that crossed and the router's lanes under load; and the colours.
import { expect } from "../support/web.mjs";
import { ask, openTab, picture, reached, speaking } from "./steps.mjs";

/** Timeline, filters by words and by direction, one frame opened and copied, all of them copied, held still, cleared. */
export async function frames(page) {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = async () => JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  await ask(page);
  await speaking(page);
  await openTab(page, "Frames");
  const view = page.getByTestId("frames");
  await view.locator(".frame").first().waitFor();
  const timeline = view.getByRole("img", { name: /^Timeline: \d+ frames sent and \d+ received within/ });
  const [, sent, received] = /(\d+) frames sent and (\d+)/.exec(await timeline.getAttribute("aria-label"));
  expect(Number(sent) > 0 && Number(received) > 20, `frames both ways, not ${sent} and ${received}`);
  const colours = await timeline.evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
    return seen.size;
  });
  expect(colours >= 3, `a timeline drawn in three colours, not ${colours}`);
  const count = async () => Number(/of (\d+) frames/.exec(await view.textContent())[1]);
  const before = await count();
  await page.waitForFunction(
    (least) => Number(/of (\d+) frames/.exec(document.querySelector("[data-testid=frames]").textContent)[1]) > least,
    before,
  );
  await view.getByRole("button", { name: "Hold still" }).click();
  const held = await count();
  await openTab(page, "Run");
  await reached(page, "done");
  await openTab(page, "Frames");
  expect((await count()) >= held, "frames to go on being kept while another view is open");
  for (const [direction, arrow] of [
    ["out", ".frame.out"],
    ["in", ".frame.in"],
  ]) {
    await view.getByRole("radio", { name: direction, exact: true }).check();
    const rows = await view.locator(".frame").count();
    expect(rows > 0 && rows === (await view.locator(arrow).count()), `only frames that go ${direction}`);
  }
  await view.getByRole("radio", { name: "both" }).check();
  await view.getByRole("searchbox").fill("window_update");
  await view.locator(".frame.out").first().waitFor();
  const kinds = await view.locator(".frame b").allTextContents();
  expect(
    kinds.every((kind) => kind === "control.window_update"),
    `window updates alone, not ${kinds.join()}`,
  );
  await view.getByRole("button", { name: "Copy all as JSON" }).click();
  await view.getByText("Copied").waitFor();
  const all = await copied();
  expect(
    all.some(({ payload }) => payload.content.window.max_tokens === 70_000),
    "the changed window among the copied",
  );
  await view.locator(".frame > button").first().click();
  const shown = JSON.parse(await view.locator("pre").textContent());
  await view.getByRole("button", { name: "Copy as JSON", exact: true }).click();
  await view.locator(".json").getByText("Copied").waitFor();
  expect(JSON.stringify(await copied()) === JSON.stringify(shown), "the opened frame, copied");
  expect(typeof shown.session_id === "string" && shown.payload.type === "control.window_update", "the frame as JSON");
  await picture(page, "frames-filtered");
  await view.getByRole("searchbox").fill("");
  await view.getByRole("button", { name: "Clear" }).click();
  await view.getByText("0 of 0 frames").waitFor();
  await openTab(page, "Run");
  return `${held} frames on a timeline, filtered, opened, ${all.length} copied, cleared`;
}

/** While a run goes on its calls show in its lane and at the adapters. */
export async function lanes(page) {
  await page.getByRole("radio", { name: "bronze" }).check();
  await ask(page);
  await speaking(page);
  await openTab(page, "Lanes");
  const view = page.getByTestId("lanes");
  const row = view.getByRole("row", { name: /^bronze/ });
  await row.getByRole("cell").nth(2).getByText("3", { exact: true }).waitFor();
  expect((await view.getByRole("rowheader").count()) === 3, "three lanes");
  expect(Number(await row.getByRole("cell").nth(3).textContent()) >= 3, "calls granted in bronze");
  const load = async (name) => Number(await view.getByRole("meter", { name }).getAttribute("aria-valuenow"));
  expect((await load("Calls running")) === 3, "three calls running");
  for (const talker of [1, 2, 3])
    expect((await load(new RegExp(`^talker-${talker}, READY`))) === 1, `a call at talker ${talker}`);
  await picture(page, "lanes-loaded");
  await openTab(page, "Run");
  await page.getByRole("button", { name: "Cancel" }).click();
  await reached(page, "cancelled");
  await openTab(page, "Lanes");
  await row.getByRole("cell").nth(2).getByText("0", { exact: true }).waitFor();
  await openTab(page, "Run");
  await page.getByRole("radio", { name: "gold" }).check();
  return "lanes under load and at rest";
}

/** Colours as the system has them, or as chosen; kept for the next visit. */
export async function colours(page) {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const choice = page.getByLabel("Colours");
  const [light, dark] = ["rgb(245, 246, 248)", "rgb(15, 18, 22)"];
  const seen = [];
  for (const system of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: system });
    for (const theme of ["system", "light", "dark"]) {
      await choice.selectOption(theme);
      seen.push(await ground());
    }
  }
  expect(seen.join() === [light, light, dark, dark, light, dark].join(), `each choice in its colours, not ${seen}`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.reload();
  expect((await ground()) === dark && (await choice.inputValue()) === "dark", "the choice kept for the next visit");
  await choice.selectOption("system");
  return "colours chosen and kept";
}
