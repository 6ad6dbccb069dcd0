/** Fitting and scoring, in a process of its own: bench-answers-work. */
import { serveControl, tellReady } from "../harness/control.js";
import { runPromptOnly } from "./prompt-only.js";
import { runTask } from "./task-run.js";

serveControl({ task: runTask, prompt: runPromptOnly });
tellReady();
