/** What streams share, as a pure machine. */
export type { OverloadConfig } from "./overload-desk.js";
export type { CalibrationView, Feedback, Judged, LearningDesk, RouterLearning } from "./learning-desk.js";
export { createRouterMachine } from "./router.js";
export type { RouterEffect, RouterEvent, RouterMachine } from "./router.js";
