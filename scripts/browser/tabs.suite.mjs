// The client in pages of its own, on a real router: a run let go in one tab and taken up in another browser's, and a page that
// wakes when the network is back or when it is looked at.
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../lib.mjs";
import { expect, startTalkers, startWeb } from "./support/web.mjs";

export const name = "tabs";

const words = 60;
const whole = Array.from({ length: words }, (_, n) => `word ${n} `).join("");

export async function run(browser) {
  const talkers = await startTalkers(1, { perSecond: 20, seconds: words / 20, piece: (_, n) => `word ${n} ` });
  const web = await startWeb(["--adapters", talkers.urls.join(",")]);
  const { outputFiles } = await build({
    entryPoints: [join(root, "packages/atp-client/dist/index.js")],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "atp",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
  });
  // Each has its own storage, as on another device. The page's policy lets no script in that is not its own.
  const tab = async () => {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await page.goto(web.url);
    await page.addScriptTag({ content: outputFiles[0].text });
    await page.evaluate(
      (url) => {
        window.url = url;
      },
      `${web.routerUrl.replace(/^http/, "ws")}/ws`,
    );
    return page;
  };
  const pages = [];
  try {
    pages.push(await tab(), await tab());
    const [first, second] = pages;
    const { ref, before, error } = await first.evaluate(async () => {
      const client = window.atp.createClient({ url: window.url });
      const run = client.stream("let go", { strategy: "single" });
      const ended = run.final().catch((thrown) => thrown.code);
      let text = "";
      for await (const event of run) {
        if (event.type === "partial") text += event.text;
        if (text.includes("word 9 ")) break;
      }
      return { ref: JSON.stringify(await run.detach()), before: text, error: await ended };
    });
    expect(error === "EDETACHED", `a run that was let go, not ${error}`);
    await pages.shift().context().close();
    const taken = await second.evaluate(async (text) => {
      const client = window.atp.createClient({ url: window.url });
      const run = client.attach(JSON.parse(text));
      let told = "";
      for await (const event of run) if (event.type === "partial") told += event.text;
      const { answer, telemetry } = await run.final();
      await client.close();
      return { told, answer, tokens: telemetry.tokens };
    }, ref);
    expect(taken.told === whole, `the run from its beginning, each word once, not ${taken.told}`);
    expect(taken.answer.trim() === whole.trim() && taken.tokens > 0, "its answer and its bill");
    const waits = [];
    for (const sign of ["online", "visibilitychange"]) waits.push(await wakes(second, sign));
    return `let go after ${before.split(" ").length >> 1} words and taken up whole by another browser; woken within ${waits.map((ms) => `${ms} ms`).join(" and ")} instead of a minute`;
  } finally {
    for (const page of pages) await page.context().close();
    await Promise.all([web.close(), talkers.close()]);
  }
}

/** Cuts the connection of a client that would wait a minute, and gives a sign of life. @returns how long the resume took */
async function wakes(page, sign) {
  await page.evaluate(() => {
    const sockets = [];
    const socket = (url, protocols) => {
      const made = new WebSocket(url, protocols);
      sockets.push(made);
      return made;
    };
    const retry = { baseMs: 60_000, maxMs: 60_000 };
    const client = window.atp.createClient({ url: window.url, socket, retry, random: () => 0.999 });
    const run = client.stream("wake", { strategy: "single" });
    window.cut = () => {
      const lost = sockets.at(-1);
      const { onclose } = lost;
      lost.onmessage = lost.onclose = lost.onerror = null;
      lost.close(4999);
      onclose({ code: 1006, reason: "" });
    };
    window.state = () => client.state.name;
    window.resumed = new Promise((resolve) => client.on("resumed", () => resolve(performance.now())));
    window.ended = run.final().then(async ({ answer }) => {
      await client.close();
      return answer;
    });
    return new Promise((resolve) => run.on("partial", resolve)).then(() => true);
  });
  await page.evaluate(() => window.cut());
  expect((await page.evaluate(() => window.state())) === "waiting", "a client that waits");
  if (sign === "online") {
    // The browser's own event.
    await page.context().setOffline(true);
    await page.evaluate(() => {
      window.signed = new Promise((resolve) =>
        window.addEventListener("online", () => resolve(performance.now()), { once: true }),
      );
    });
    await page.context().setOffline(false);
  } else
    await page.evaluate(() => {
      window.signed = performance.now();
      document.dispatchEvent(new Event("visibilitychange"));
    });
  const ms = await page.evaluate(async () => Math.round((await window.resumed) - (await window.signed)));
  const answer = await page.evaluate(() => window.ended);
  expect(answer.trim() === whole.trim(), "the whole answer after it woke");
  expect(ms < 5_000, `a resume at once, not after ${ms} ms`);
  return ms;
}
