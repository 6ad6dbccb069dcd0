import type { Outcomes } from "./outcomes.js";
import { scaledPrompt } from "./vote-model.js";
import type { VoteModel } from "./vote-model.js";

/** What a vote model says of every set of adapters of every row: `rows * sets` members, a set being a bit mask. */
export interface SubsetTable {
  readonly sets: number;
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly none: Float64Array;
  /** 1 where the likeliest group is right. */
  readonly right: Uint8Array;
  /** The likeliest group, -1 without any answer. */
  readonly leader: Int8Array;
  /** What the prompt adds to each adapter's vote (`rows * adapters`), and to none. */
  readonly effect: Float64Array;
  readonly noneEffect: Float64Array;
}

/** A table without entries yet. */
export function emptyTable(data: Outcomes): SubsetTable {
  const sets = 1 << data.adapters.length;
  const size = data.rows * sets;
  return {
    sets,
    first: new Float64Array(size),
    second: new Float64Array(size),
    none: new Float64Array(size),
    right: new Uint8Array(size),
    leader: new Int8Array(size).fill(-1),
    effect: new Float64Array(data.rows * data.adapters.length),
    noneEffect: new Float64Array(data.rows),
  };
}

/** Fills the table's entries of these rows by a model, the same numbers that `posterior` gives one set at a time. */
export function fillTable(
  table: SubsetTable,
  data: Outcomes,
  rows: Int32Array,
  votes: VoteModel,
  only?: Int32Array,
): void {
  const width = data.adapters.length;
  const own = new Float64Array(width);
  const scores = new Float64Array(width);
  const sizes = new Float64Array(width);
  const right = new Uint8Array(width);
  const count = only === undefined ? table.sets : only.length;
  for (const row of rows) {
    const base = row * width;
    const prompt = data.prompts[row];
    const x = votes.prompt.length > 0 && prompt !== undefined ? scaledPrompt(votes.scale, prompt) : undefined;
    let noneOwn = votes.none[0];
    if (x !== undefined)
      for (let i = 0; i < x.length; i++) noneOwn += (votes.nonePrompt[i] as number) * (x[i] as number);
    table.noneEffect[row] = noneOwn - votes.none[0];
    for (let m = 0; m < width; m++) {
      let effect = 0;
      const weights = votes.prompt[m];
      if (x !== undefined && weights !== undefined)
        for (let i = 0; i < x.length; i++) effect += (weights[i] as number) * (x[i] as number);
      table.effect[base + m] = effect;
      own[m] = (votes.weight[m] as number) + effect + lengthPart(votes, m, data.logLength[base + m] as number);
    }
    for (let k = 0; k < count; k++) {
      const mask = only === undefined ? k : (only[k] as number);
      const at = row * table.sets + mask;
      scores.fill(0);
      sizes.fill(0);
      right.fill(0);
      let asked = 0;
      let groups = 0;
      let none = noneOwn;
      for (let m = 0; m < width; m++) {
        if ((mask & (1 << m)) === 0) continue;
        asked++;
        const g = data.group[base + m] as number;
        if (g < 0) {
          none += votes.silent[m] as number;
          continue;
        }
        none += votes.dissent[m] as number;
        if (sizes[g] === 0) groups++;
        sizes[g] = (sizes[g] as number) + 1;
        scores[g] = (scores[g] as number) + (own[m] as number);
        if (data.correct[base + m] === 1) right[g] = 1;
        if (votes.pairs.length === 0) continue;
        for (let j = 0; j < m; j++)
          if ((mask & (1 << j)) !== 0 && data.group[base + j] === g)
            scores[g] = scores[g] + (votes.pairs[j * width - (j * (j + 1)) / 2 + (m - j - 1)] as number);
      }
      if (asked === 0 || groups === 0) {
        table.none[at] = 1;
        table.first[at] = table.second[at] = table.right[at] = 0;
        table.leader[at] = -1;
        continue;
      }
      none += (votes.none[1] * groups) / 3 + votes.none[2] * Math.log(asked) + (votes.none[3] * groups) / asked;
      let best = -1;
      let bestScore = -Infinity;
      let nextScore = -Infinity;
      for (let g = 0; g < width; g++) {
        const size = sizes[g] as number;
        if (size === 0) continue;
        const score =
          (scores[g] as number) +
          (size === 1 ? votes.size[0] : 0) +
          votes.size[1] * Math.log(size) +
          (votes.size[2] * size) / asked;
        scores[g] = score;
        if (score > bestScore) {
          nextScore = bestScore;
          bestScore = score;
          best = g;
        } else if (score > nextScore) nextScore = score;
      }
      const highest = Math.max(bestScore, none);
      let total = Math.exp(none - highest);
      for (let g = 0; g < width; g++) if (sizes[g] !== 0) total += Math.exp((scores[g] as number) - highest);
      table.first[at] = Math.exp(bestScore - highest) / total;
      table.second[at] = Math.exp(nextScore - highest) / total;
      table.none[at] = Math.exp(none - highest) / total;
      table.right[at] = right[best] as number;
      table.leader[at] = best;
    }
  }
}

function lengthPart(votes: VoteModel, m: number, logLength: number): number {
  const weights = votes.length[m];
  const scale = votes.lengthScale[m];
  if (weights === undefined || scale === undefined) return 0;
  const value = scale[1] > 0 ? Math.min(4, Math.max(-4, (logLength - scale[0]) / scale[1])) : 0;
  return (weights[0] as number) * value + (weights[1] as number) * Math.max(value - 1, 0);
}

/** How each adapter stands in a set, as `AskState.standing` has it. */
export function standingOf(table: SubsetTable, data: Outcomes, row: number, mask: number, out: Uint8Array): void {
  const width = data.adapters.length;
  const leader = table.leader[row * table.sets + mask] as number;
  for (let m = 0; m < width; m++) {
    const g = data.group[row * width + m] as number;
    out[m] = (mask & (1 << m)) === 0 ? 0 : g < 0 ? 3 : g === leader ? 1 : 2;
  }
}
