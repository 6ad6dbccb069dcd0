/** What several answers come to: normalise, group, weigh, stop. */
export { LEXICAL } from "./similarity.js";
export type { Similarity } from "./similarity.js";
export { groundingOf } from "./grounding.js";
export type { Grounding, Sources } from "./grounding.js";
export { normalise } from "./normalise.js";
export type { Normal } from "./normalise.js";
export { judge } from "./stop.js";
export type { Judgement, Progress } from "./stop.js";
export { weigh } from "./weigh.js";
export type { Verdict, WeighOptions } from "./weigh.js";
