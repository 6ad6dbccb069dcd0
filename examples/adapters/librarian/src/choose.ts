/**
 * Requests with a closed answer set: the choice that the documents speak of where they speak of the question.
 */
import type { Hit, Library } from "./library.js";
import { terms } from "./terms.js";

const passagesAsked = 12;

/** The choice with the most support, its supporting passage, and its share of the support; undefined without any. */
export function chooseAnswer(
  choices: readonly string[],
  hits: readonly Hit[],
  library: Library,
): { readonly choice: string; readonly hit: Hit; readonly share: number } | undefined {
  let total = 0;
  let best: { choice: string; hit: Hit; support: number } | undefined;
  for (const choice of choices) {
    const wanted = [...new Set(terms(choice))];
    let support = 0;
    let proof: { hit: Hit; value: number } | undefined;
    for (const hit of wanted.length === 0 ? [] : hits.slice(0, passagesAsked)) {
      const has = new Set(library.termsOf(hit.passage));
      const value = hit.score * (wanted.filter((term) => has.has(term)).length / wanted.length);
      support += value;
      if (value > (proof?.value ?? 0)) proof = { hit, value };
    }
    total += support;
    if (proof !== undefined && support > (best?.support ?? 0)) best = { choice, hit: proof.hit, support };
  }
  return best === undefined ? undefined : { choice: best.choice, hit: best.hit, share: best.support / total };
}
