/** What streams share, as a pure machine. */
export { createRouterMachine } from "./router.js";
export type { RouterEffect, RouterEvent, RouterMachine } from "./router.js";
