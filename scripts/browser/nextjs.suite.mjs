// The app of examples/nextjs on a real router: `useChat` over the client in the browser, and over `streamText` on the server.
import { join } from "node:path";
import axe from "axe-core";
import { buildNext, startNext } from "./support/nextjs.mjs";
import { expect, pictures, startTalkers, startWeb } from "./support/web.mjs";

export const name = "nextjs";

const markup = `<img src=x onerror="window.harmed=true">`;

export async function run(browser) {
  await buildNext();
  const talkers = await startTalkers(2, {
    perSecond: 25,
    seconds: 2,
    piece: (_, n) => (n === 10 ? `${markup} ` : `word ${n} `),
  });
  const web = await startWeb(["--adapters", talkers.urls.join(",")]);
  const app = await startNext(web.routerUrl);
  const problems = [];
  try {
    const context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    await page.goto(app.url);
    const seen = [await chat(page, "direct"), await stopped(page), await panes(page)];
    await accessible(page);
    await page.screenshot({ path: join(pictures, "nextjs-direct.png"), fullPage: true });
    await page.getByRole("link", { name: "Through the server" }).click();
    await page.waitForURL("**/relayed");
    seen.push(await chat(page, "relayed"));
    await page.setViewportSize({ width: 390, height: 800 });
    await page.screenshot({ path: join(pictures, "nextjs-relayed-390.png"), fullPage: true });
    expect(problems.length === 0, `no error in the app, not ${problems.join("; ")}`);
    const refused = await fetch(new URL("/api/chat", app.url), { method: "POST", body: '{"messages":7}' });
    expect(refused.status === 400, `rubbish refused with 400, not ${refused.status}`);
    return seen.join(", ");
  } finally {
    await Promise.all([app.close(), web.close(), talkers.close()]);
  }
}

const status = (page, value) => page.locator(`[data-testid=status][data-status=${value}]`).waitFor();

async function ask(page, text, strategy) {
  await page.getByLabel("Strategy").selectOption(strategy);
  await page.getByLabel("Question").fill(text);
  await page.getByRole("button", { name: "Ask" }).click();
}

/** Two questions: the text grows, is whole and in order, is shown as text, and has a bill. */
async function chat(page, title) {
  let pieces = 0;
  for (const question of ["How is a budget kept?", "And who keeps it?"]) {
    await ask(page, question, "single");
    await status(page, "streaming");
    const text = page.locator("[data-role=assistant]").last().getByTestId("text");
    const lengths = new Set();
    while ((await page.getByTestId("status").getAttribute("data-status")) === "streaming")
      if ((await text.count()) > 0) lengths.add((await text.textContent()).length);
    await status(page, "ready");
    const words = [...(await text.textContent()).matchAll(/word (\d+)/g)].map((match) => Number(match[1]));
    const whole = Array.from({ length: 50 }, (_, n) => n).filter((n) => n !== 10);
    expect(words.join() === whole.join(), `each word once and in order, not ${words.join()}`);
    expect((await text.textContent()).includes(markup), "markup as text");
    expect(lengths.size > 3, `text that grows, not ${lengths.size} lengths`);
    const bill = await page.locator("[data-role=assistant]").last().getByTestId("bill").textContent();
    expect(/talker-\d · single · [1-9]\d* tokens · \$0\.\d*[1-9]/.test(bill), `a bill, not ${bill}`);
    pieces = Math.max(pieces, lengths.size);
  }
  expect((await page.evaluate(() => window.harmed)) === undefined, "no script out of an answer to have run");
  return `${title}: two answers, each word once, seen growing in ${pieces} steps`;
}

/** Stop cancels, and the chat can be asked again. */
async function stopped(page) {
  await ask(page, "Stop me", "single");
  await page.locator("[data-role=assistant]").nth(2).getByTestId("text").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await status(page, "ready");
  const text = await page.locator("[data-role=assistant]").nth(2).getByTestId("text").textContent();
  expect(!text.includes("word 49"), "an answer that was stopped");
  return "stopped";
}

/** Several adapters at once are shown side by side until the answer is there. */
async function panes(page) {
  await ask(page, "All of you", "fanout");
  await page.locator(".partial").nth(1).waitFor();
  await status(page, "ready");
  await page.locator("[data-role=assistant]").last().getByTestId("bill").waitFor();
  return "two adapters side by side";
}

async function accessible(page) {
  await page.addScriptTag({ content: axe.source });
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  expect(violations.length === 0, `no violation, not ${violations.map(({ id }) => id).join(", ")}`);
}
