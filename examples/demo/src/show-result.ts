import type { ConsensusContent, FinalResult } from "atp-client";
import type { Checked } from "./citations.js";
import { roleOf } from "./show-plan.js";
import { bar, clip, heading, pad, safe, visible, wrap } from "./text.js";
import type { Style } from "./text.js";

/** How far the answers agree, who supports the answer, who does not, and what proves it. */
export function consensusLines(
  final: FinalResult,
  checked: readonly Checked[],
  order: readonly string[],
  style: Style,
): string[] {
  const { consensus } = final;
  if (consensus === undefined) return [heading("Consensus", "one answer, nothing to weigh", style)];
  const stopped = consensus.stopped_by === undefined ? "" : consensus.stopped_by.replaceAll("_", " ");
  return [
    heading(
      "Consensus",
      stopped === "" ? safe(consensus.strategy) : `${safe(consensus.strategy)}, ${safe(stopped)}`,
      style,
    ),
    `  agreement ${consensus.agreement.toFixed(2)} ${bar(consensus.agreement, 20, style)}`.trimEnd(),
    ...labelled("support", consensus.support, consensus, order, style),
    ...dissentLines(consensus, order, style),
    ...(consensus.revised ? ["  revised   an earlier consensus was told and changed"] : []),
    ...evidenceLines(checked, order, style),
  ];
}

/** Adapters with their weights behind a label, in as many lines as they need. */
function labelled(
  label: string,
  adapters: readonly string[],
  consensus: ConsensusContent,
  order: readonly string[],
  style: Style,
): string[] {
  if (adapters.length === 0) return [`  ${pad(label, 9)} nobody`];
  const lines: string[] = [];
  let line = `  ${pad(label, 9)}`;
  adapters.forEach((adapter, i) => {
    const weight = consensus.weights?.[adapter];
    const comma = i === adapters.length - 1 ? "" : ",";
    const note = weight === undefined ? "" : style.paint("faint", ` weight ${weight.toFixed(2)}`);
    const item = ` ${style.paint(roleOf(adapter, order), safe(adapter))}${note}${comma}`;
    if (visible(line + item) > style.width) {
      lines.push(line);
      line = " ".repeat(11);
    }
    line += item;
  });
  return [...lines, line];
}

function dissentLines(consensus: ConsensusContent, order: readonly string[], style: Style): string[] {
  if (consensus.dissent.length === 0) return ["  dissent   none"];
  return consensus.dissent.flatMap((group, i) => {
    const answer = clip(safe(group.answer).replace(/\s+/g, " ").trim(), style.width - 14);
    const who = labelled(i === 0 ? "dissent" : "", group.adapters, consensus, order, style);
    return [...who, style.paint("faint", `            “${answer}”`)];
  });
}

/** Each citation with what its file says. */
export function evidenceLines(checked: readonly Checked[], order: readonly string[], style: Style): string[] {
  if (checked.length === 0) return ["  evidence  none"];
  return ["  evidence, each opened at its line", ...checked.flatMap((item) => citationLines(item, order, style))];
}

function citationLines(item: Checked, order: readonly string[], style: Style): string[] {
  const words = { there: "found", wrong: "WRONG", elsewhere: "not a file" } as const;
  const marks = { there: "✔", wrong: "✘", elsewhere: "?" } as const;
  const role = item.verdict === "there" ? "good" : item.verdict === "wrong" ? "bad" : "warn";
  const verdict = style.paint(role, style.drawn ? marks[item.verdict] : words[item.verdict]);
  const by = item.adapter === undefined ? "" : ` ${style.paint(roleOf(item.adapter, order), safe(item.adapter))}`;
  const problem = item.problem === undefined ? [] : [`      ${style.paint("bad", item.problem)}`];
  return [
    `    ${verdict} ${style.paint("cite", safe(item.locator))}${by}`,
    ...(item.quote === ""
      ? []
      : [style.paint("faint", `      “${clip(safe(item.quote).replace(/\s+/g, " "), style.width - 8)}”`)]),
    ...problem,
  ];
}

/** The answer, its citations marked. */
export function answerLines(final: FinalResult, order: readonly string[], style: Style): string[] {
  const by = final.adapter === undefined ? "" : `by ${style.paint(roleOf(final.adapter, order), safe(final.adapter))}`;
  const text = wrap(final.answer.trim(), style.width - 4).map((line) =>
    `  ${line.replace(/\[[^\][\s]+:\d+\]/g, (citation) => style.paint("cite", citation))}`.trimEnd(),
  );
  return [heading("Answer", by, style), "", ...text, ""];
}
