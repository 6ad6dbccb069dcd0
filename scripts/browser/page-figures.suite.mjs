// The page under load: first contentful paint, and the longest task of the main thread while eight adapters tell 50 pieces a
// second each. Tasks count by the CPU time of their thread, so that other work on the machine does not.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, pictures, startTalkers, startWeb } from "./support/web.mjs";

export const name = "page-figures";
export const alone = true;

const adapters = 8;
const perSecond = 50;
const seconds = 15;
const MAX_PAINT_MS = 1_000;
const MAX_TASK_MS = 50;

export async function run(browser) {
  const talkers = await startTalkers(adapters, {
    perSecond,
    seconds,
    piece: (i, n) => `Adapter ${i} says piece ${n} of what it knows. `,
  });
  const web = await startWeb(["--adapters", talkers.urls.join(",")]);
  const file = join(pictures, "trace.json");
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(40_000);
    await page.goto(web.url);
    const paintMs = await page.evaluate(
      () =>
        new Promise((resolve) =>
          new PerformanceObserver((list) => {
            const paint = list.getEntriesByName("first-contentful-paint")[0];
            if (paint !== undefined) resolve(paint.startTime);
          }).observe({ type: "paint", buffered: true }),
        ),
    );
    await browser.startTracing(page, {
      path: file,
      categories: ["-*", "disabled-by-default-devtools.timeline", "devtools.timeline", "blink.user_timing"],
    });
    await page.getByRole("spinbutton", { name: "Tokens" }).fill("1000000");
    await page.getByRole("spinbutton", { name: "Micro-dollars" }).fill("1000000");
    await page.evaluate(() => performance.mark("asked"));
    await page.getByRole("button", { name: "Ask" }).click();
    await page.locator("[data-status=done]").waitFor();
    await page.evaluate(() => performance.mark("answered"));
    await browser.stopTracing();
    const texts = await page.locator(".pane .text").allTextContents();
    const told = texts.flatMap((text) => text.match(/piece \d+ of/g) ?? []).length;
    await page.screenshot({ path: join(pictures, "load.png"), fullPage: true });
    await context.close();
    expect(told === adapters * perSecond * seconds, `${adapters * perSecond * seconds} pieces shown, not ${told}`);

    const { tasks, spanMs } = mainTasks(JSON.parse(readFileSync(file, "utf8")).traceEvents);
    const [longest = 0] = tasks;
    const busy = tasks.reduce((sum, ms) => sum + ms, 0);
    const rate = told / (spanMs / 1_000);
    const said = `first contentful paint ${paintMs.toFixed(0)} ms, ${tasks.length} tasks, the longest ${longest.toFixed(1)} ms of CPU (next ${tasks
      .slice(1, 4)
      .map((ms) => ms.toFixed(1))
      .join(
        ", ",
      )}), main thread busy ${((100 * busy) / spanMs).toFixed(0)} % while ${rate.toFixed(0)} pieces came a second`;
    expect(tasks.length > 500, `tasks in the trace, not ${tasks.length}`);
    expect(rate > 0.9 * adapters * perSecond, `the full rate; ${said}`);
    expect(paintMs < MAX_PAINT_MS, `paint below ${MAX_PAINT_MS} ms; ${said}`);
    expect(longest < MAX_TASK_MS, `no task of ${MAX_TASK_MS} ms; ${said}`);
    return said;
  } finally {
    rmSync(file, { force: true });
    await Promise.all([talkers.close(), web.close()]);
  }
}

/** CPU milliseconds of each task of the page's main thread between the two marks, longest first. */
function mainTasks(events) {
  const mark = (title) => events.find(({ name: its, cat }) => its === title && cat.includes("user_timing"));
  const [from, to] = [mark("asked"), mark("answered")];
  expect(from !== undefined && to !== undefined, "both marks in the trace");
  const tasks = events
    .filter(({ name: its, ph, pid, tid, ts }) => {
      const isTask = (its === "RunTask" || its === "ThreadControllerImpl::RunTask") && ph === "X";
      return isTask && pid === from.pid && tid === from.tid && ts >= from.ts && ts <= to.ts;
    })
    .map(({ tdur }) => tdur / 1_000)
    .sort((a, b) => b - a);
  return { tasks, spanMs: (to.ts - from.ts) / 1_000 };
}
