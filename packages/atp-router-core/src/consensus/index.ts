/** What several answers come to: normalise, group, weigh, stop. */
export { normalise } from "./normalise.js";
export type { Normal } from "./normalise.js";
export { judge } from "./stop.js";
export type { Judgement, Progress } from "./stop.js";
export { weigh } from "./weigh.js";
export type { Verdict, WeighOptions } from "./weigh.js";
