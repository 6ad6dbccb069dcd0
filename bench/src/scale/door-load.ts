/** The official `openai` package, unmodified, against the door. */
import OpenAI from "openai";
import { serveControl, tellReady } from "../harness/control.js";
import { answerOf, promptOf } from "./question.js";

/** How the calls of a stretch ended. */
export interface DoorEnds {
  readonly asked: number;
  readonly streamed: number;
  readonly whole: number;
  readonly cancelled: number;
  /** Calls that should be refused, with the right class of the package. */
  readonly refused: number;
  /** Calls told, as OpenAI's error of a server, that the router is short of time: not wrong, and not answered. */
  readonly overloaded: number;
  readonly wrong: readonly string[];
}

const shape = { chunks: 8, delayMs: 2 };
let nth = 0;

async function one(client: OpenAI, tally: Record<string, number>, wrong: string[]): Promise<void> {
  const i = nth++;
  const question = { id: `d${i}`, ...shape };
  const body = { model: "atp/auto", messages: [{ role: "user" as const, content: promptOf(question) }] };
  const count = (name: string): void => void (tally[name] = (tally[name] ?? 0) + 1);
  try {
    if (i % 20 === 19) {
      // One in twenty asks for a model that is not there.
      await client.chat.completions.create({ ...body, model: "no-such-model" }).then(
        () => wrong.push("an unknown model answered"),
        (error: unknown) => {
          if (error instanceof OpenAI.NotFoundError) count("refused");
          else throw error;
        },
      );
    } else if (i % 20 === 9) {
      // One in twenty is cancelled in the middle.
      const stream = await client.chat.completions.create({ ...body, stream: true });
      for await (const _ of stream) {
        stream.controller.abort();
        break;
      }
      count("cancelled");
    } else if (i % 2 === 0) {
      const stream = await client.chat.completions.create({ ...body, stream: true });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      count(text === answerOf(question) ? "streamed" : "torn");
      if (text !== answerOf(question)) wrong.push(`streamed ${text.length} characters`);
    } else {
      const done = await client.chat.completions.create(body);
      const text = done.choices[0]?.message.content;
      if (text === answerOf(question)) count("whole");
      else wrong.push(`answered ${text?.length ?? 0} characters`);
    }
  } catch (error) {
    if (error instanceof OpenAI.InternalServerError && error.status === 503 && error.code === "overloaded")
      count("overloaded");
    else wrong.push(String(error));
  }
}

serveControl({
  /** Asks evenly for a while. */
  ask: async ({ port, perMinute, ms }: { port: number; perMinute: number; ms: number }): Promise<DoorEnds> => {
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "none", maxRetries: 0 });
    const tally: Record<string, number> = {};
    const wrong: string[] = [];
    const every = 60_000 / perMinute;
    const count = Math.round(ms / every);
    const began = performance.now();
    const calls: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      const wait = began + i * every - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      calls.push(one(client, tally, wrong));
    }
    await Promise.all(calls);
    const { streamed = 0, whole = 0, cancelled = 0, refused = 0, overloaded = 0 } = tally;
    return { asked: count, streamed, whole, cancelled, refused, overloaded, wrong };
  },
});
tellReady();
