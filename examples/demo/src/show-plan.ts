import type { PlanCandidate, PlanContent } from "atp-client";
import { adapterOrder } from "./story.js";
import { bar, clip, count, heading, money, safe, table, wrap } from "./text.js";
import type { Cell, Role, Style } from "./text.js";

/** The colour of an adapter, the same in every part of the screen. */
export function roleOf(adapter: string, order: readonly string[]): Role {
  const at = order.indexOf(adapter.replace(/#\d+$/, ""));
  return `adapter${at < 0 ? order.length : at}`;
}

/** What policy decided. */
export function policyLines(plan: PlanContent, style: Style): string[] {
  const { policy } = plan;
  if (policy === undefined) return [heading("Policy", "the router told nothing of it", style)];
  const verdict = policy.allow ? style.paint("good", "allowed") : style.paint("bad", "denied");
  const reasons = policy.reasons.length === 0 ? "no rule stands against it" : policy.reasons.join("; ");
  return [
    heading("Policy", "", style),
    `  ${verdict} by ${policy.engine ?? "the router"}: ${clip(safe(reasons), style.width - 24)}`,
  ];
}

/** What each adapter would ask for, and how sure it is. */
export function estimateLines(plan: PlanContent, style: Style): string[] {
  const order = adapterOrder(plan);
  const columns = [
    { title: "adapter" },
    { title: "in", right: true },
    { title: "out", right: true },
    { title: "price", right: true },
    { title: "confidence", right: true },
    { title: "" },
  ];
  const rows = plan.candidates.map((candidate) => estimateRow(candidate, order, style));
  return [
    heading("Estimates", "tokens and price asked for; 1 µ$ is a millionth of a dollar", style),
    ...table(columns, rows, style),
  ];
}

function estimateRow(candidate: PlanCandidate, order: readonly string[], style: Style): Cell[] {
  const { adapter, estimate, failure } = candidate;
  const name = { text: safe(adapter), role: roleOf(adapter, order) };
  if (estimate === undefined) {
    return [
      name,
      "-",
      "-",
      "-",
      "-",
      { text: clip(safe(failure?.message ?? candidate.status), Math.max(20, style.width - 60)), role: "warn" },
    ];
  }
  return [
    name,
    count(estimate.in_tokens),
    count(estimate.out_tokens),
    money(estimate.usd_micros),
    estimate.confidence.toFixed(2),
    bar(estimate.confidence, 10, style),
  ];
}

/** Who is asked, in which order, what it may cost, and why. */
export function planLines(plan: PlanContent, style: Style): string[] {
  const order = adapterOrder(plan);
  const names = (rung: PlanContent["rungs"][number]): string =>
    rung
      .map(({ adapter, sample }) =>
        style.paint(roleOf(adapter, order), sample === 0 ? safe(adapter) : `${safe(adapter)}#${sample}`),
      )
      .join(style.drawn ? style.paint("faint", " + ") : " + ");
  const rungs = plan.rungs.map((rung, i) => {
    const title =
      plan.rungs.length === 1 ? (rung.length === 1 ? "ask" : "together") : `${i + 1}${i === 0 ? " first" : " then"}`;
    return `  ${title}  ${names(rung)}`;
  });
  const holds = plan.rungs
    .flat()
    .reduce((sum, { hold }) => ({ tokens: sum.tokens + hold.tokens, usd: sum.usd + hold.usd_micros }), {
      tokens: 0,
      usd: 0,
    });
  const { expected } = plan;
  const cost = [
    ...(expected === undefined ? [] : [`expected ${count(expected.tokens)} tokens, ${money(expected.usd_micros)}`]),
    `held ${count(holds.tokens)} tokens, ${money(holds.usd)}`,
  ];
  return [
    heading("Plan", safe(plan.strategy), style),
    ...rungs,
    `  ${cost.join(style.drawn ? style.paint("faint", " · ") : "; ")}`,
    ...stopLines(plan, style),
    ...plan.why.flatMap((why) => bullet(why, style)),
    ...plan.excluded.flatMap(({ adapter, message }) => bullet(`left out ${adapter}: ${message}`, style)),
  ];
}

function stopLines(plan: PlanContent, style: Style): string[] {
  const { stop } = plan;
  if (stop === undefined) return [];
  const rules = [
    ...(stop.min_confidence === undefined ? [] : [`confidence reaches ${stop.min_confidence}`]),
    ...(stop.min_agreement === undefined ? [] : [`agreement reaches ${stop.min_agreement}`]),
    ...(stop.quorum === undefined ? [] : [`${stop.quorum} answers agree`]),
  ];
  return [`  ends when ${rules.length === 0 ? "all have answered" : rules.join(" or ")}`].map((line) =>
    clip(line, style.width),
  );
}

function bullet(text: string, style: Style): string[] {
  const mark = style.drawn ? "•" : "-";
  return wrap(text, style.width - 4).map((line, i) => style.paint("faint", `  ${i === 0 ? mark : " "} ${line}`));
}
