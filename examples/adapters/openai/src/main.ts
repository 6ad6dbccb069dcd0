/**
 * The adapter as a process (part D).
 */
import { runAdapter } from "atp-adapter-kit";
import { readOpenAiConfig } from "./config.js";
import { createOpenAiAdapter } from "./openai-adapter.js";

await runAdapter((env) => createOpenAiAdapter(readOpenAiConfig(env)));
