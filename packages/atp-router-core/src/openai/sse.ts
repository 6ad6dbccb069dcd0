import type { ServerResponse } from "node:http";
import { AtpError } from "atp-protocol";
import type { Credentials } from "../ports/index.js";
import type { Router } from "../runtime/index.js";
import { atpOf, chunk, finishReasonOf, toolCallsOf, usageChunk } from "./answer.js";
import type { AnswerHead, Answered } from "./answer.js";
import { openAiError, refuseOpenAi } from "./errors.js";
import { liveText } from "./live-text.js";
import type { ChatQuestion } from "./request.js";
import { run } from "./run.js";
import type { Run, RunEvent } from "./run.js";

/** A comment goes out after so long without an event, so that proxies keep the connection. */
const COMMENT_MS = 10_000;

/**
 * Streams answers as server-sent events. The status waits for the first thing that is known, so that a refusal is a refusal and no
 * stream. What was cut ends in an error event and never in `[DONE]`.
 */
export function streamAnswers(
  router: Router,
  question: ChatQuestion,
  credentials: Credentials,
  head: AnswerHead,
  response: ServerResponse,
): Promise<void> {
  return new Promise((resolve) => {
    const answers: (Answered | undefined)[] = [];
    const runs: Run[] = [];
    let open = question.n;
    let begun = false;
    let over = false;

    const comments = setInterval(() => {
      if (begun) response.write(": waiting\n\n");
    }, COMMENT_MS);
    comments.unref();

    function write(event: object): void {
      if (!begun) begin();
      if (response.write(`data: ${JSON.stringify(event)}\n\n`)) return;
      for (const one of runs) one.pause(true);
    }

    function begin(): void {
      begun = true;
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
      });
      for (let index = 0; index < question.n; index++) write(chunk(head, index, { role: "assistant", content: "" }));
    }

    function end(): void {
      over = true;
      clearInterval(comments);
      for (const one of runs) one.cancel("the answer is over");
      resolve();
    }

    /** A run that failed ends the whole: half an answer is none. */
    function fail(error: Extract<RunEvent, { t: "failed" }>["error"]): void {
      if (over) return;
      if (begun) {
        write({ error: { ...openAiError(error).body, atp: error } });
        response.end();
      } else refuseOpenAi(response, AtpError.fromContent(error));
      end();
    }

    function finish(index: number, answer: Answered, rest: string): void {
      answers[index] = answer;
      if (rest !== "") write(chunk(head, index, { content: rest }));
      const calls = toolCallsOf(answer.content);
      if (calls.length > 0) write(chunk(head, index, { tool_calls: calls }));
      write(chunk(head, index, {}, finishReasonOf(answer.content), { atp: atpOf(answer) }));
      if (--open > 0) return;
      const whole = answers.filter((one) => one !== undefined);
      if (question.includeUsage) write(usageChunk(head, whole));
      response.end("data: [DONE]\n\n");
      end();
    }

    function start(index: number): Run {
      const live = liveText();
      return run(router, question, credentials, (event) => {
        if (over) return;
        if (event.t === "failed") {
          fail(event.error);
          return;
        }
        if (event.t === "final") {
          const rest = live.rest(event.content);
          if (rest !== undefined) finish(index, event, rest);
          else fail(changed(event.content.adapter));
          return;
        }
        const text = live.observe(event);
        if (text !== undefined) write(chunk(head, index, { content: text }));
        else if (event.t === "text" && question.provisional)
          // Outside of `delta`, so that what a client joins stays the answer.
          write(chunk(head, index, {}, null, { atp: { provisional: { adapter: event.adapter, text: event.text } } }));
      });
    }

    response.on("drain", () => {
      for (const one of runs) one.pause(false);
    });
    response.once("close", () => {
      if (!over) end();
    });
    for (let index = 0; index < question.n; index++) runs.push(start(index));
  });
}

/** What was sent is no beginning of the answer that came in the end. */
function changed(adapter: string | undefined): Extract<RunEvent, { t: "failed" }>["error"] {
  return new AtpError(
    "EAGENTDOWN",
    `The answer of ${adapter ?? "the model"} was begun anew after a part of it was sent. Ask again.`,
    {
      processed: "yes",
    },
  ).toContent();
}
