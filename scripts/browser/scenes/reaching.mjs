// Without a mouse, and without eyes.
import { expect } from "../support/web.mjs";
import { ask, reached, speaking } from "./steps.mjs";

const focused = (page) => page.evaluate(() => document.activeElement?.textContent ?? "");

async function reach(page, test, what) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(test)) return;
  }
  throw new Error(`expected ${what} to be reached by the Tab key`);
}

/** The views, the question, the lane, the window, an end; the network's switch; a frame opened. */
export async function keyboard(page) {
  await page.reload();
  await reach(page, () => document.activeElement?.getAttribute("role") === "tab", "the tabs");
  await page.keyboard.press("ArrowRight");
  expect((await focused(page)) === "Frames", "the next tab by an arrow key");
  await page.keyboard.press("Home");
  await reach(page, () => document.activeElement?.tagName === "TEXTAREA", "the question");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("By keyboard");
  await reach(page, () => document.activeElement?.matches("input[type=radio]"), "the lanes");
  await page.keyboard.press("ArrowRight");
  expect((await page.locator("input[name=Lane]:checked").inputValue()) === "silver", "silver by an arrow key");
  await reach(page, () => document.activeElement?.matches("button.primary"), "the button that asks");
  await page.keyboard.press("Enter");
  await speaking(page);
  await page.keyboard.press("Shift+Tab");
  expect((await focused(page)) === "Change window", "the window's button, one step back");
  await page.keyboard.press("Enter");
  await page.getByTestId("window").getByText("of 50,000").waitFor();
  await page.locator("[role=switch]").focus();
  await page.keyboard.press("Space");
  await page.locator(".badge.state-waiting, .badge.state-connecting").waitFor();
  await page.keyboard.press("Space");
  await page.locator(".badge.state-open").waitFor();
  await reach(page, () => document.activeElement?.textContent === "Cancel", "the button that cancels");
  await page.keyboard.press("Space");
  await reached(page, "cancelled");
  await page.getByRole("tab", { name: "Run" }).focus();
  await page.keyboard.press("ArrowRight");
  await reach(page, () => document.activeElement?.matches(".frame > button"), "a frame");
  await page.keyboard.press("Enter");
  await page.locator(".frame pre").waitFor();
  await page.getByRole("tab", { name: "Frames" }).focus();
  await page.keyboard.press("Home");
  return "all of it by keyboard";
}

/** What a screen reader is told: roles with names, tables also on a narrow page, and each turn of a run, once. */
export async function screenReader(page) {
  await page.reload();
  await page.evaluate(() => {
    const status = document.querySelector("[data-testid=status]");
    window.said = [];
    new MutationObserver(() => window.said.push(status.textContent)).observe(status, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
  await ask(page);
  await speaking(page);
  const there = async (role, name, within = page) => {
    const found = await within.getByRole(role, { name, exact: true }).count();
    expect(found === 1, `one ${role} named ${name}, not ${found}`);
  };
  const named = {
    heading: [/^ATP/, "Plan", "Agreement", "Window", "Bill", "Estimates"],
    tablist: ["Views"],
    tabpanel: ["Run"],
    switch: ["Network"],
    form: ["Ask"],
    textbox: ["Question"],
    group: ["Lane", "Window"],
    radio: ["gold", "silver", "bronze"],
    combobox: ["Strategy"],
    spinbutton: ["Calls at once", "Tokens", "Micro-dollars"],
    article: ["talker-1", "talker-2", "talker-3"],
    region: ["Graph of the plan", "What adapters say", "Text of talker-1", "Table of estimates"],
    meter: ["Tokens", "Money", "So far", "In all, so far", "talker-1"],
    table: ["Table of estimates"],
  };
  for (const [role, names] of Object.entries(named)) for (const name of names) await there(role, name);
  const rungs = await page.getByRole("list", { name: "Rungs of the plan" }).textContent();
  expect(/talker-1: answering/.test(rungs), `the graph in words, not ${rungs}`);
  const meter = await page.getByRole("meter", { name: "Money" }).getAttribute("aria-valuetext");
  expect(/spent.*held of \$/.test(meter), `a bar in words, not ${meter}`);
  await page.setViewportSize({ width: 390, height: 900 });
  const table = page.getByRole("table", { name: "Table of estimates" });
  expect((await table.getByRole("columnheader").count()) === 6, "six column headers on a narrow page");
  expect((await table.getByRole("row").count()) === 4, "four rows on a narrow page");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await reached(page, "cancelled");
  const said = await page.evaluate(() => window.said);
  const turns = ["Asked", "at work", "Strategy: fanout", "Cancelled"].map((words) =>
    said.findIndex((text) => text.includes(words)),
  );
  expect(
    turns.every((at, i) => at >= 0 && (i === 0 || at >= turns[i - 1])),
    `each turn told, not ${said.join(" | ")}`,
  );
  expect(said.length <= 6, `a few words, not ${said.length} announcements`);
  return `${Object.values(named).flat().length} roles with names, ${said.length} announcements`;
}
