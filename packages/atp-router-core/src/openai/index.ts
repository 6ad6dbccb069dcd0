/**
 * The door for clients of OpenAI: chat completions over a router.
 * @packageDocumentation
 */
export { openAiDoor } from "./door.js";
export type { OpenAiDoor } from "./door.js";
