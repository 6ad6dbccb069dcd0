// What scenes of the page have in common.
import { join } from "node:path";
import { pictures } from "../support/web.mjs";

export const markup = `<img src=x onerror="window.harmed=true"><script>window.harmed=true</script><b>bold</b>`;

export const reached = (page, status) => page.locator(`[data-testid=status][data-status=${status}]`).waitFor();

export const ask = (page) => page.getByRole("button", { name: /^Ask/ }).click();

/** Several adapters have said something of the run that goes on. */
export const speaking = (page) => page.locator(".pane.speaking").nth(1).waitFor();

export const picture = (page, title) => page.screenshot({ path: join(pictures, `${title}.png`), fullPage: true });

export const openTab = (page, name) => page.getByRole("tab", { name }).click();
