// The page of examples/web on a real router: what it shows, by mouse and by keyboard, light and dark, wide and narrow.
import { keyboard, screenReader } from "./scenes/reaching.mjs";
import { cancel, changeWindow, cutAndResume, escalate, live } from "./scenes/running.mjs";
import { ask, markup, openTab, picture, reached, speaking } from "./scenes/steps.mjs";
import { colours, frames, lanes } from "./scenes/views.mjs";
import { expect, startTalkers, startWeb } from "./support/web.mjs";

export const name = "page";

const LONG_MS = 60_000;

export async function run(browser) {
  const talkers = await startTalkers(3, {
    perSecond: 20,
    seconds: 6,
    piece: (i, n) => (n % 20 === 0 ? `\n${markup} ` : `word ${i}.${n} `),
    answer: () => `The answer is ${markup}.`,
  });
  const voters = await startTalkers(4, {
    perSecond: 20,
    seconds: (i) => 1 + i,
    piece: (_, n) => `reason ${n} `,
    answer: (i) => (i === 1 ? "Basel" : "Bern"),
  });
  const before = ({ urls }) => startWeb(["--adapters", urls.join(",")]);
  const webs = await Promise.all([startWeb(), before(talkers), before(voters)]);
  const problems = [];
  try {
    const seen = [];
    for (const at of [
      "../../../../etc/passwd:1",
      "package.json:1",
      "docs/guides/../../package.json:1",
      "README.md:99999",
    ]) {
      const { status } = await fetch(new URL(`/source?at=${encodeURIComponent(at)}`, webs[0].url));
      expect(status === 404, `nothing opened at ${at}, not ${status}`);
    }
    seen.push(await wholeRun(browser, webs[0].url, problems));
    const voting = await open(browser, webs[2].url, problems);
    seen.push(await live(voting));
    await voting.context().close();
    const told = await open(browser, webs[1].url, problems);
    for (const scene of [cutAndResume, changeWindow, escalate, cancel, frames, lanes, colours, keyboard, screenReader])
      seen.push(await scene(told));
    await told.context().close();
    expect(problems.length === 0, `no error in the page, not ${problems.join("; ")}`);
    return seen.join(", ");
  } finally {
    await Promise.all([talkers.close(), voters.close(), ...webs.map((web) => web.close())]);
  }
}

async function open(browser, url, problems, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(LONG_MS);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // A cut socket is what the switch is for.
    if (message.type() === "error" && !message.text().includes("WebSocket")) problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

/** Nothing is wider than the page, or than the box that it could be scrolled in. */
async function fits(page, width) {
  const wide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".scroll")]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map((element) => `${element.ariaLabel ?? "page"} by ${element.scrollWidth - element.clientWidth}`),
  );
  expect(wide.length === 0, `nothing too wide at ${width} pixels, not ${wide.join(", ")}`);
}

/** The whole stack: everything that a run shows, in both colours and both widths. */
async function wholeRun(browser, url, problems) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const page = await open(browser, url, problems, { colorScheme, viewport: { width, height: 900 } });
      await ask(page);
      await speaking(page);
      await fits(page, width);
      await picture(page, `run-${colorScheme}-${width}`);
      await reached(page, "done");
      expect((await page.getByTestId("policy").textContent()).includes("allows"), "the policy's decision");
      expect((await page.locator("[data-testid=plan] .node.call").count()) === 3, "three calls in the graph");
      expect((await page.locator("[data-testid=estimates] tbody tr").count()) === 3, "three estimates");
      expect(/\$0\.\d*[1-9]/.test(await page.getByTestId("bill").textContent()), "a bill with money in it");
      expect((await page.getByTestId("answer").textContent()).length > 40, "an answer");
      expect((await page.locator("[data-testid=agreement] .steps li").count()) > 0, "an agreement");
      await fits(page, width);
      await picture(page, `done-${colorScheme}-${width}`);
      await sources(page, `source-${colorScheme}-${width}`);
      for (const tab of ["Frames", "Lanes"]) {
        await openTab(page, tab);
        await page
          .locator(tab === "Frames" ? ".frame" : ".lanes table")
          .first()
          .waitFor();
        await fits(page, width);
        await picture(page, `${tab.toLowerCase()}-${colorScheme}-${width}`);
      }
      await page.context().close();
    }
  }
  return "whole run with each citation opened in 2 colours and 2 widths";
}

/** Each citation opens its source with the cited line marked, by keyboard; closing gives the focus back. */
async function sources(page, title) {
  const citations = page.locator(".citations li");
  const count = await citations.count();
  expect(count > 0, "citations");
  for (let i = 0; i < count; i++) {
    const button = citations.nth(i).locator("button");
    const quote = (await citations.nth(i).locator("q").textContent()).trim().slice(0, 30);
    await button.focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog mark").waitFor();
    const cited = await page.locator("dialog mark").textContent();
    expect(cited.includes(quote), `the cited line to say ${quote}, not ${cited}`);
    if (i === 0) await picture(page, title);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    expect(await button.evaluate((element) => element === document.activeElement), "the focus back on the citation");
  }
}
