// The page of examples/web on a real router: what it shows, by mouse and by keyboard, light and dark, wide and narrow.
import { join } from "node:path";
import { expect, pictures, startTalkers, startWeb } from "./support/web.mjs";

export const name = "page";

const markup = `<img src=x onerror="window.harmed=true"><script>window.harmed=true</script><b>bold</b>`;
const LONG_MS = 60_000;

export async function run(browser) {
  const talkers = await startTalkers(3, {
    perSecond: 20,
    seconds: 6,
    piece: (i, n) => (n % 20 === 0 ? `\n${markup} ` : `word ${i}.${n} `),
    answer: () => `The answer is ${markup}.`,
  });
  const webs = await Promise.all([startWeb(), startWeb(["--adapters", talkers.urls.join(",")])]);
  const problems = [];
  try {
    const seen = [];
    seen.push(await wholeRun(browser, webs[0].url, problems));
    const told = await open(browser, webs[1].url, problems);
    for (const scene of [cutAndResume, changeWindow, escalate, cancel, frames, lanes, keyboard])
      seen.push(await scene(told));
    await told.context().close();
    expect(problems.length === 0, `no error in the page, not ${problems.join("; ")}`);
    return seen.join(", ");
  } finally {
    await Promise.all([talkers.close(), ...webs.map((web) => web.close())]);
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

const reached = (page, status) => page.locator(`[data-testid=status][data-status=${status}]`).waitFor();
const ask = async (page) => {
  await page.getByRole("button", { name: /^Ask/ }).click();
};
/** Several adapters have said something of the run that goes on. */
const speaking = (page) => page.locator(".pane.speaking").nth(1).waitFor();
const picture = (page, title) => page.screenshot({ path: join(pictures, `${title}.png`), fullPage: true });

/** The whole stack: everything that a run shows, in both colours and both widths. */
async function wholeRun(browser, url, problems) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const page = await open(browser, url, problems, { colorScheme, viewport: { width, height: 900 } });
      await ask(page);
      await speaking(page);
      await picture(page, `run-${colorScheme}-${width}`);
      await reached(page, "done");
      expect((await page.getByTestId("policy").textContent()).includes("allows"), "the policy's decision");
      expect((await page.locator("[data-testid=plan] .node.call").count()) === 3, "three calls in the graph");
      expect((await page.locator("[data-testid=estimates] tbody tr").count()) === 3, "three estimates");
      expect(/\$0\.\d*[1-9]/.test(await page.getByTestId("bill").textContent()), "a bill with money in it");
      expect((await page.getByTestId("answer").textContent()).length > 40, "an answer");
      expect((await page.locator("[data-testid=agreement] .steps li").count()) > 0, "an agreement");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide <= 0, `nothing wider than the page at ${width} pixels, not ${wide} more`);
      await picture(page, `done-${colorScheme}-${width}`);
      await page.locator(".citations button").first().click();
      const quote = (await page.locator(".citations q").first().textContent()).trim().slice(0, 30);
      await page.locator("dialog mark").waitFor();
      const cited = await page.locator("dialog mark").textContent();
      expect(cited.includes(quote), `the cited line to say ${quote}, not ${cited}`);
      await picture(page, `source-${colorScheme}-${width}`);
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      for (const tab of ["Frames", "Lanes"]) {
        await page.getByRole("tab", { name: tab }).click();
        await page
          .locator(tab === "Frames" ? ".frame" : ".lanes table")
          .first()
          .waitFor();
        await picture(page, `${tab.toLowerCase()}-${colorScheme}-${width}`);
      }
      await page.context().close();
    }
  }
  return "whole run with its citations opened in 2 colours and 2 widths";
}

/** Cut in the middle, the run resumes, and says what it would have said. */
async function cutAndResume(page) {
  await ask(page);
  await speaking(page);
  await page.getByRole("switch", { name: "Network" }).click();
  await page.locator(".badge.state-waiting, .badge.state-connecting").waitFor();
  await picture(page, "cut");
  const before = await page.locator(".pane .text").first().textContent();
  await page.getByRole("switch", { name: "Network" }).click();
  await page.getByText(/Resumed once, nothing lost/).waitFor();
  await reached(page, "done");
  const texts = await page.locator(".pane .text").allTextContents();
  for (const [i, text] of texts.entries()) {
    const words = [...text.matchAll(/word \d\.(\d+)/g)].map((match) => Number(match[1]));
    const whole = Array.from({ length: 120 }, (_, n) => n).filter((n) => n % 20 !== 0);
    expect(words.join() === whole.join(), `each word of talker ${i} once and in order, not ${words.join()}`);
  }
  expect(texts[0].length > before.length, "more text after the cut than before");
  const answer = page.getByTestId("answer");
  expect((await answer.textContent()).includes(markup), "markup of the answer as text");
  expect((await page.locator("main :is(img, script, b.injected)").count()) === 0, "no element out of an answer");
  expect((await page.evaluate(() => window.harmed)) === undefined, "no script out of an answer to have run");
  return "cut and resumed with every word once";
}

/** The window's ceiling moves while it runs, and the router follows. */
async function changeWindow(page) {
  await ask(page);
  await speaking(page);
  await page.getByRole("spinbutton", { name: "Tokens" }).fill("70000");
  expect(/[1-9]\d* held of 50,000/.test(await page.getByTestId("window").textContent()), "tokens held while it runs");
  await page.getByRole("button", { name: "Change window" }).click();
  await page.getByTestId("window").getByText("of 70,000").waitFor();
  await reached(page, "done");
  return "window changed";
}

/** A cascade that is not sure climbs. */
async function escalate(page) {
  await page.getByLabel("Strategy").selectOption("cascade");
  await ask(page);
  await page
    .getByTestId("escalation")
    .getByText(/escalated/)
    .waitFor();
  await reached(page, "done");
  await picture(page, "escalated");
  await page.getByLabel("Strategy").selectOption("fanout");
  return "escalated";
}

async function cancel(page) {
  await ask(page);
  await speaking(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await reached(page, "cancelled");
  return "cancelled";
}

async function frames(page) {
  await page.getByRole("tab", { name: "Frames" }).click();
  const view = page.getByTestId("frames");
  await view.locator(".frame").first().waitFor();
  await view.getByRole("searchbox").fill("window_update");
  await view.locator(".frame.out").first().waitFor();
  const kinds = await view.locator(".frame b").allTextContents();
  expect(
    kinds.every((kind) => kind === "control.window_update"),
    `window updates alone, not ${kinds.join()}`,
  );
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await view.getByRole("button", { name: "Copy all as JSON" }).click();
  await view.getByText("Copied").waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(
    copied.some(({ payload }) => payload.content.window.max_tokens === 70_000),
    "the changed window among the copied",
  );
  await view.locator(".frame > button").first().click();
  expect((await view.locator("pre").textContent()).includes('"session_id"'), "the frame as JSON");
  return `${copied.length} frames filtered and copied`;
}

async function lanes(page) {
  await page.getByRole("tab", { name: "Lanes" }).click();
  const rows = page.getByTestId("lanes").locator("tbody tr");
  await rows.first().waitFor();
  expect((await rows.count()) === 3, "three lanes");
  const granted = Number(await rows.first().locator("td").nth(3).textContent());
  expect(granted > 0, "calls granted in gold");
  await page.getByRole("tab", { name: "Run" }).click();
  return "lanes with load";
}

/** Without a mouse: to the tab, the question, the lane, the answer; the switch; and an end. */
async function keyboard(page) {
  await page.reload();
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  const reach = async (test, what) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(test)) return;
    }
    throw new Error(`expected ${what} to be reached by the Tab key`);
  };
  await reach(() => document.activeElement?.getAttribute("role") === "tab", "the tabs");
  await page.keyboard.press("ArrowRight");
  expect((await focused()) === "Frames", "the next tab by an arrow key");
  await page.keyboard.press("Home");
  await reach(() => document.activeElement?.tagName === "TEXTAREA", "the question");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("By keyboard");
  await reach(() => document.activeElement?.matches("input[type=radio]"), "the lanes");
  await page.keyboard.press("ArrowRight");
  expect((await page.locator("input[name=Lane]:checked").inputValue()) === "silver", "silver by an arrow key");
  await reach(() => document.activeElement?.matches("button.primary"), "the button that asks");
  await page.keyboard.press("Enter");
  await speaking(page);
  await reach(() => document.activeElement?.textContent === "Cancel", "the button that cancels");
  await page.keyboard.press("Space");
  await reached(page, "cancelled");
  return "all of it by keyboard";
}
