import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  EstimateRequestSchema,
  type EstimateResponse,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  type StreamChunk,
  StreamChunkSchema,
  StreamRequestSchema,
} from "../../../src/adapter/index.js";
import { check, Failure, type Result, Skip } from "../result.js";
import { type Choice, takes } from "../run-testee.js";
import { type CallResult, connectGrpc, type GrpcConnection } from "./grpc.js";

/** UNIMPLEMENTED of gRPC. */
const UNIMPLEMENTED = 12;
const CLIP = 48;
const PROMPT = JSON.stringify({ prompt: "What is a budget?", max_output_tokens: CLIP });

/** Checks of a running adapter with the rules that they prove. */
export const adapterChecks: readonly { readonly id: string; readonly rules: readonly string[] }[] = [
  { id: "estimate", rules: ["B.1-1", "B.4-1", "B.10-1", "B.10-2"] },
  { id: "health", rules: ["B.1-1"] },
  { id: "stream-ends", rules: ["B.1-1", "B.3-2"] },
  { id: "stream-contents", rules: ["B.9-1", "B.9-2", "B.9-3", "B.9-5"] },
  { id: "stream-usage", rules: ["B.3-1", "B.7-2"] },
];

/** Puts the checks of part B to a running adapter. */
export async function runAdapter(url: string, choice: Choice): Promise<Result[]> {
  const wanted = adapterChecks.filter(({ id }) => takes(choice, "adapter", `adapter:${id}`));
  if (wanted.length === 0) return [];
  const grpc = await connectGrpc(url);
  try {
    const results: Result[] = [];
    for (const { id, rules } of wanted)
      results.push(
        await check({ id: `adapter:${id}`, profile: "adapter", rules }, () => runs[id]?.(grpc) ?? missing(id)),
      );
    return results;
  } finally {
    grpc.close();
  }
}

const missing = (id: string): never => {
  throw new Error(`no check ${id}`);
};

const runs: Readonly<Record<string, (grpc: GrpcConnection) => Promise<void>>> = {
  estimate: async (grpc) => checkEstimate(await estimate(grpc)),
  async health(grpc) {
    const result = await grpc.call("Health", toBinary(HealthRequestSchema, create(HealthRequestSchema)));
    if (result.status === UNIMPLEMENTED) throw new Skip("the adapter does not serve Health");
    const { p95Ms, errorRate } = fromBinary(HealthResponseSchema, one(result, "Health"));
    if (!(p95Ms >= 0) || !(errorRate >= 0 && errorRate <= 1))
      throw new Failure(`p95_ms ${p95Ms}, error_rate ${errorRate}`, "B.1-1");
  },
  async "stream-ends"(grpc) {
    const chunks = await stream(grpc);
    const last = chunks.at(-1);
    if (last?.more !== false || last.type !== "agent.result.final")
      throw new Failure("the last chunk is no agent.result.final with more false", "B.3-2");
    const early = chunks.slice(0, -1).find((chunk) => !chunk.more || chunk.type !== "agent.result.partial");
    if (early !== undefined) throw new Failure(`a chunk before the last is ${early.type}, more ${early.more}`, "B.3-2");
  },
  async "stream-contents"(grpc) {
    for (const chunk of await stream(grpc)) checkContent(chunk);
  },
  async "stream-usage"(grpc) {
    const chunks = await stream(grpc);
    const out = chunks.reduce((sum, chunk) => sum + Number(chunk.partialOutTokens), 0);
    if (out > CLIP) throw new Failure(`${out} output tokens, where ${CLIP} were asked: increments are summed`, "B.3-1");
    if (out === 0) throw new Skip("the adapter reports no output tokens");
  },
};

async function estimate(grpc: GrpcConnection): Promise<EstimateResponse> {
  const request = create(EstimateRequestSchema, { streamId: "conformance-1", taskType: "qa", promptJson: PROMPT });
  return fromBinary(
    EstimateResponseSchema,
    one(await grpc.call("Estimate", toBinary(EstimateRequestSchema, request)), "Estimate"),
  );
}

function one(result: CallResult, method: string): Uint8Array {
  if (result.status !== 0)
    throw new Failure(`${method} ended with status ${result.status}: ${result.message}`, "B.1-1");
  const [first, second] = result.messages;
  if (first === undefined || second !== undefined)
    throw new Failure(`${method} answered ${result.messages.length} messages, not one`, "B.1-1");
  return first;
}

async function stream(grpc: GrpcConnection): Promise<StreamChunk[]> {
  const request = create(StreamRequestSchema, { streamId: "conformance-2", promptJson: PROMPT, taskType: "qa" });
  const { messages, status, message } = await grpc.call("Stream", toBinary(StreamRequestSchema, request), 30_000);
  if (status !== 0) throw new Failure(`Stream ended with status ${status}: ${message}`, "B.1-1");
  return messages.map((bytes) => fromBinary(StreamChunkSchema, bytes));
}

function checkEstimate(told: EstimateResponse): void {
  const amounts = [told.inTokens, told.outTokens, told.usdMicros, told.p95Tokens, told.p95UsdMicros].map(Number);
  const rest = [told.varianceTokens, told.varianceUsd];
  if (![...amounts, ...rest].every((amount) => Number.isFinite(amount) && amount >= 0))
    throw new Failure("an amount of the estimate is negative or not finite", "B.10-2");
  if (!amounts.every(Number.isSafeInteger)) throw new Failure("an amount of the estimate is no safe integer", "B.10-2");
  if (!(told.confidence >= 0 && told.confidence <= 1)) throw new Failure(`confidence ${told.confidence}`, "B.4-2");
  const [inTokens = 0, outTokens = 0, usd = 0, p95Tokens = 0, p95Usd = 0] = amounts;
  // A percentile of the whole call cannot lie far below the whole call's mean.
  if (p95Tokens > 0 && p95Tokens < outTokens / 4)
    throw new Failure(`p95_tokens ${p95Tokens} of a call of ${inTokens} and ${outTokens}`, "B.10-1");
  if (p95Usd > 0 && p95Usd < usd / 4) throw new Failure(`p95_usd_micros ${p95Usd} of a mean of ${usd}`, "B.10-1");
}

function checkContent(chunk: StreamChunk): void {
  let content: unknown;
  try {
    content = JSON.parse(chunk.contentJson);
  } catch {
    throw new Failure(`content_json is not JSON: ${chunk.contentJson.slice(0, 80)}`, "B.9-1");
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new Failure("content_json is no JSON object", "B.9-1");
  const { text, answer, evidence } = content as { text?: unknown; answer?: unknown; evidence?: unknown };
  if (text !== undefined && typeof text !== "string") throw new Failure("text is no string", "B.9-1");
  // A high surrogate at the very end waits for its partner.
  if (typeof text === "string" && !text.replace(/[\ud800-\udbff]$/, "").isWellFormed())
    throw new Failure("a lone surrogate", "B.9-5");
  if (chunk.type !== "agent.result.final") return;
  if (answer !== undefined && typeof answer !== "string") throw new Failure("answer is no string", "B.9-2");
  if (evidence === undefined) return;
  if (!Array.isArray(evidence)) throw new Failure("evidence is no list", "B.9-2");
  for (const { source, locator } of evidence as { source?: unknown; locator?: unknown }[]) {
    if (typeof source !== "string") throw new Failure("evidence without a source", "B.9-2");
    if (typeof locator === "string" && /\.(md|txt|ts|js|py)\b/.test(locator) && !/:\d+$/.test(locator))
      throw new Failure(`the locator of a file is path:line, not ${locator}`, "B.9-3");
  }
}
