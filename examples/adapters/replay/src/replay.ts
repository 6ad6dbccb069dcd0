/**
 * The replay adapter: a model's recorded answer, at its recorded price.
 */
import { type Adapter, AdapterError, type AdapterRequest, defineAdapter, type Prices } from "atp-adapter-kit";
import type { Recorded, Recording } from "./recorded.js";

/** Makes the adapter of one model. */
export function createReplayAdapter(recording: Recording): Adapter {
  const { model, price } = recording;
  const prices: Prices = {
    inUsdMicrosPerMtok: Math.round(price.in * 1_000_000),
    outUsdMicrosPerMtok: Math.round(price.out * 1_000_000),
  };
  const usdMicros = (inTokens: number, outTokens: number): number => inTokens * price.in + outTokens * price.out;
  return defineAdapter({
    name: model.replace(/[^A-Za-z0-9._:-]/g, "-"),
    model,
    version: "1",
    tags: ["replay"],
    prices,
    estimate(request) {
      const { task, inputTokens } = find(recording, request);
      // The row's own answer is not looked at: a quote must not tell what it will be.
      const { mean, p95, variance } = recording.outputTokens(task) ?? { mean: 0, p95: 0, variance: 0 };
      return {
        inTokens: inputTokens,
        outTokens: Math.round(mean),
        usdMicros: Math.round(usdMicros(inputTokens, mean)),
        p95Tokens: inputTokens + p95,
        p95UsdMicros: Math.ceil(usdMicros(inputTokens, p95)),
        varianceTokens: variance,
        varianceUsd: variance * price.out ** 2,
        assumptions: [`the mean length of recorded answers to ${task}`],
      };
    },
    async *stream(request) {
      const { answer, inputTokens, outputTokens } = find(recording, request);
      const usage = {
        inTokens: inputTokens,
        outTokens: outputTokens,
        usdMicros: Math.round(usdMicros(inputTokens, outputTokens)),
      };
      // No answer was recorded: an empty one, that was paid for and agrees with nobody.
      yield { final: { answer: answer ?? "" }, usage };
    },
  });
}

/** The row of a request: by the member `recorded_id` of its content, else by its question. @throws AdapterError `invalid` */
function find(recording: Recording, request: AdapterRequest): Recorded {
  const id = request.content["recorded_id"];
  const row = typeof id === "string" ? recording.byId(id) : recording.byPrompt(request.taskType, request.question);
  if (row !== undefined) return row;
  const asked = typeof id === "string" ? `the row ${JSON.stringify(id)}` : "this prompt";
  throw new AdapterError("invalid", `${recording.model} has no recorded answer to ${asked}`);
}
