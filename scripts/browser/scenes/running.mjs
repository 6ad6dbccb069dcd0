// A run while it goes on: cut and resumed, its window moved, escalated, cancelled, and its bars and agreement in motion.
import { expect } from "../support/web.mjs";
import { ask, markup, picture, reached, speaking } from "./steps.mjs";

/** Cut in the middle, the run resumes, and says what it would have said. */
export async function cutAndResume(page) {
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
export async function changeWindow(page) {
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
export async function escalate(page) {
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

export async function cancel(page) {
  await ask(page);
  await speaking(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await reached(page, "cancelled");
  return "cancelled";
}

/**
 * Four talkers end one after the other, and the second one differs: the bill and the window fill, and the agreement grows.
 * @param page one with such talkers
 */
export async function live(page) {
  await ask(page);
  const seen = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const told = [];
        const now = (place, label) =>
          Number(
            document.querySelector(`[data-testid=${place}] [role=meter][aria-label="${label}"]`)?.ariaValueNow ?? NaN,
          );
        const look = () => {
          const { status } = document.querySelector("[data-testid=status]").dataset;
          told.push({
            status,
            bill: now("bill", "In all, so far"),
            talker: now("bill", "talker-4"),
            tokens: now("window", "Tokens"),
            money: now("window", "Money"),
            held: /, (\S+) held/.exec(document.querySelector("[data-testid=window]")?.textContent ?? "")?.[1],
            agreement: now("agreement", "So far"),
          });
          if (status === "connecting" || status === "streaming") setTimeout(look, 50);
          else resolve(told);
        };
        look();
      }),
  );
  await picture(page, "live-done");
  const during = seen.filter(({ status }) => status === "streaming");
  const course = (key) => {
    const values = during.map((one) => one[key]).filter((value) => value !== undefined && !Number.isNaN(value));
    return values.filter((value, i) => i === 0 || value !== values[i - 1]);
  };
  for (const key of ["bill", "talker", "tokens", "money"]) {
    const values = course(key);
    expect(values.length > 10, `${key} to move while it runs, not ${values.join()}`);
    expect(
      values.every((value, i) => i === 0 || value > values[i - 1]),
      `${key} never to fall, not ${values.join()}`,
    );
  }
  expect(course("held").length > 10, "what is held to fall as calls go on and end");
  const agreement = course("agreement").filter((value) => value > 0);
  expect(
    agreement.length >= 2 && agreement.every((value, i) => i === 0 || value > agreement[i - 1]),
    `agreement that grows while it runs, not ${agreement.join()}`,
  );
  const steps = await page.locator("[data-testid=agreement] .steps li").allTextContents();
  expect(steps.at(-1).includes("final") && steps.length >= 3, `the steps of the agreement, not ${steps.join("; ")}`);
  expect((await page.locator(".node.differs, .pane.differs").count()) === 2, "the one that differs marked");
  return `bill and window moved ${course("bill").length} times, agreement grew by ${agreement.map((share) => share.toFixed(2)).join(" ")}`;
}
