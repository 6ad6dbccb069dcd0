/**
 * The librarian: answers from a folder of documents by quoting them. It uses no model and knows nothing else.
 */
import {
  type Adapter,
  AdapterError,
  type AdapterRequest,
  defineAdapter,
  estimateTokens,
  type Prices,
  priceOf,
} from "atp-adapter-kit";
import { chooseAnswer } from "./choose.js";
import { compose, type Composed } from "./compose.js";
import type { Library, Mode, Query } from "./library.js";

/** Nominal prices, so that a bill and a budget have something to count; looking deeper costs more. */
const prices: Record<Mode, Prices> = {
  shallow: { inUsdMicrosPerMtok: 50_000, outUsdMicrosPerMtok: 200_000 },
  deep: { inUsdMicrosPerMtok: 1_000_000, outUsdMicrosPerMtok: 4_000_000 },
};
const bytesPerToken = 4;
const maxRoleItems = 32;

/** Makes a librarian over a library. */
export function createLibrarian(library: Library, options: { readonly name: string; readonly mode: Mode }): Adapter {
  const { name, mode } = options;
  return defineAdapter({
    name,
    version: "1",
    model: `bm25-${mode}`,
    tags: ["qa", "documents", mode],
    contextTokens: 32_768,
    prices: prices[mode],
    estimate(request) {
      const answer = answerTo(request, library, mode);
      const inTokens = estimateTokens(request.promptText);
      const outTokens = Math.ceil(bytesOf(answer.deltas) / bytesPerToken);
      const usdMicros = priceOf(inTokens, outTokens, prices[mode]);
      return {
        inTokens,
        outTokens,
        usdMicros,
        p95Tokens: inTokens + outTokens,
        p95UsdMicros: usdMicros,
        confidence: answer.confidence,
        cancelsCleanly: true,
        assumptions: ["the answer is composed from fixed documents, so its length is known"],
      };
    },
    async *stream(request, { signal }) {
      const answer = answerTo(request, library, mode);
      for (const text of answer.deltas) {
        signal.throwIfAborted();
        yield { text, confidence: answer.confidence };
      }
      yield { final: { evidence: answer.evidence }, confidence: answer.confidence };
    },
  });
}

function answerTo(request: AdapterRequest, library: Library, mode: Mode): Composed {
  const query = queryOf(request);
  const hits = library.find(query, mode);
  const maxBytes = (request.maxOutputTokens ?? Number.MAX_SAFE_INTEGER / bytesPerToken) * bytesPerToken;
  const composed = compose(hits, library, { ...query, mode, maxBytes });
  if (request.choices.length === 0) return composed;
  const chosen = chooseAnswer(request.choices, hits, library);
  if (chosen === undefined) {
    throw new AdapterError("precondition", "the documents support none of the choices");
  }
  const proof = compose([chosen.hit], library, { ...query, mode, maxBytes });
  return { deltas: [chosen.choice], evidence: proof.evidence, confidence: composed.confidence * chosen.share };
}

/** The question, and what a role adds to it: members `query_terms` and `required_sources` of the request's content. */
function queryOf(request: AdapterRequest): Query {
  return {
    question: request.question,
    queryTerms: roleItems(request, "query_terms"),
    requiredSources: roleItems(request, "required_sources"),
  };
}

function roleItems(request: AdapterRequest, member: string): string[] {
  const items = request.content[member] ?? [];
  if (!Array.isArray(items) || !items.every((item) => typeof item === "string" && item.length <= 200)) {
    throw new AdapterError("invalid", `${member} must hold texts of at most 200 characters`);
  }
  if (items.length > maxRoleItems)
    throw new AdapterError("invalid", `${member} has at most ${String(maxRoleItems)} items`);
  return items as string[];
}

function bytesOf(deltas: readonly string[]): number {
  return deltas.reduce((sum, delta) => sum + Buffer.byteLength(delta, "utf8"), 0);
}
