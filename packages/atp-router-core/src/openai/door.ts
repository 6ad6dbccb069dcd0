import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AtpError } from "atp-protocol";
import type { Credentials } from "../ports/index.js";
import type { Router } from "../runtime/index.js";
import { completion } from "./answer.js";
import type { AnswerHead, Answered } from "./answer.js";
import { refuseOpenAi } from "./errors.js";
import { modelNames, readChatRequest } from "./request.js";
import type { ChatQuestion } from "./request.js";
import { run } from "./run.js";
import type { Run } from "./run.js";
import { streamAnswers } from "./sse.js";

/** A request's body beyond this is refused: it holds the largest message of the wire. */
const MAX_BODY_BYTES = 8 * 1_048_576;

/** The door for clients of OpenAI: two paths of the router's port. */
export interface OpenAiDoor {
  /** `POST /v1/chat/completions` */
  chat(request: IncomingMessage, response: ServerResponse, credentials: Credentials): Promise<void>;
  /** `GET /v1/models` */
  models(response: ServerResponse): void;
}

/**
 * Translates between OpenAI's chat completions and ATP, so that any client of OpenAI can use a router. Each answer is a stream of the
 * router, asked in frames over a socket: its policy, budget, lane and bill are those of any other.
 */
export function openAiDoor(router: Router): OpenAiDoor {
  const adapters = (): readonly string[] => router.view().adapters.map(({ info }) => info.name);

  return {
    models(response) {
      const data = modelNames(adapters()).map((id) => ({ id, object: "model", created: 0, owned_by: "atp" }));
      const text = JSON.stringify({ object: "list", data });
      response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(text);
    },
    async chat(request, response, credentials) {
      try {
        await router.authenticate(credentials);
        const question = readChatRequest(await bodyOf(request), adapters());
        assertShallow(question.content);
        const head: AnswerHead = {
          id: `chatcmpl-${randomBytes(12).toString("hex")}`,
          created: Math.floor(Date.now() / 1_000),
          model: question.model,
        };
        if (question.stream) await streamAnswers(router, question, credentials, head, response);
        else await wholeAnswers(router, question, credentials, head, response);
      } catch (error) {
        if (response.headersSent) response.destroy();
        else refuseOpenAi(response, error);
      }
    },
  };
}

async function wholeAnswers(
  router: Router,
  question: ChatQuestion,
  credentials: Credentials,
  head: AnswerHead,
  response: ServerResponse,
): Promise<void> {
  const runs: Run[] = [];
  const gone = (): void => {
    for (const one of runs) one.cancel("the caller is gone");
  };
  response.once("close", gone);
  const answers = await Promise.all(
    Array.from(
      { length: question.n },
      () =>
        new Promise<Answered>((resolve, reject) => {
          const one = run(router, question, credentials, (event) => {
            if (event.t === "final") resolve(event);
            else if (event.t === "failed") reject(AtpError.fromContent(event.error));
          });
          runs.push(one);
          response.once("close", () => reject(new AtpError("ECANCELLED", "The caller is gone.")));
        }),
    ),
  ).finally(() => {
    response.removeListener("close", gone);
    // With one answer refused the others are not wanted any more.
    gone();
  });
  if (response.destroyed) return;
  const text = JSON.stringify(completion(head, answers));
  response
    .writeHead(200, { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(text) })
    .end(text);
}

/** What nests deeper than JSON can be written is refused here, as deep as the wire allows by the router. @throws AtpError `EPROTO` */
function assertShallow(content: unknown): void {
  try {
    JSON.stringify(content);
  } catch (cause) {
    throw new AtpError("EPROTO", "The body is nested too deeply.", { details: { rule: "A3.3" }, cause });
  }
}

/** @throws AtpError `ETOOBIG`, or `EPROTO` when it is no JSON object */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What comes beyond is read and dropped, so that the caller gets to read why.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES)
    throw new AtpError("ETOOBIG", `The body is over ${MAX_BODY_BYTES} bytes.`, { details: { limit: MAX_BODY_BYTES } });
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch (cause) {
    throw new AtpError("EPROTO", "The body is not JSON.", { cause });
  }
}
