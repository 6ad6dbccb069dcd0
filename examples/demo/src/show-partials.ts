import type { RunEvent } from "atp-client";
import { roleOf } from "./show-plan.js";
import type { Slot, Story } from "./story.js";
import { adapterOrder } from "./story.js";
import { clip, duration, heading, pad, safe, tail, wrap } from "./text.js";
import type { Style } from "./text.js";

/** Who is expected to speak: those the plan starts first, then whoever speaks without being expected. */
function speakers(story: Story): string[] {
  const planned = (story.plan?.rungs[0] ?? []).map(({ adapter, sample }) =>
    sample === 0 ? adapter : `${adapter}#${sample}`,
  );
  return [...new Set([...planned, ...story.slots.keys()])];
}

/** The adapters while they speak, within so many lines: figures and the end of what each said, and the consensus so far. */
export function liveLines(story: Story, style: Style, maxLines: number): string[] {
  const names = speakers(story);
  const soFar =
    story.provisional === undefined
      ? []
      : [provisionalLine(story.provisional.answer, story.provisional.confidence, style)];
  const perName = Math.max(1, Math.min(4, Math.floor((maxLines - 1 - soFar.length) / Math.max(1, names.length))));
  const panes = names.flatMap((name) => pane(name, story, style, perName));
  return [heading("Partials", "as they come", style), ...panes.slice(0, maxLines - 1 - soFar.length), ...soFar];
}

function provisionalLine(answer: string, confidence: number | undefined, style: Style): string {
  const title = `provisional${confidence === undefined ? "" : ` ${confidence.toFixed(2)}`}`;
  return `  ${title}  ${clip(safe(answer).replace(/\s+/g, " ").trim(), style.width - title.length - 4)}`;
}

function pane(name: string, story: Story, style: Style, lines: number): string[] {
  const slot = story.slots.get(name);
  const role = roleOf(name, adapterOrder(story.plan));
  const mark = slot === undefined ? style.paint("faint", "○") : style.paint(role, "●");
  const figures = slot === undefined ? "waiting" : figuresOf(slot);
  const head = `  ${mark} ${style.paint(role, pad(safe(name), 20))} ${style.paint("faint", figures)}`;
  const room = (lines - 1) * (style.width - 6);
  const text = slot === undefined || room <= 0 ? [] : wrap(tail(safe(slot.text), room), style.width - 6);
  return [head, ...text.slice(-(lines - 1)).map((line) => `    ${line}`)].slice(0, lines);
}

/** What each adapter said, once all have spoken: its figures and the beginning of its text. */
export function saidLines(story: Story, style: Style): string[] {
  const order = adapterOrder(story.plan);
  const lines = [heading("Partials", "what each adapter said", style)];
  for (const slot of story.slots.values()) {
    const mark = style.drawn ? `${style.paint(roleOf(slot.name, order), "●")} ` : "";
    lines.push(
      `  ${mark}${style.paint(roleOf(slot.name, order), pad(safe(slot.name), 20))} ${style.paint("faint", figuresOf(slot))}`,
    );
    const text = wrap(slot.text.replace(/\s+/g, " ").trim(), style.width - 6);
    const shown = text.length > 3 ? [...text.slice(0, 2), `${clip(text[2] ?? "", style.width - 8)} …`] : text;
    lines.push(...shown.map((line) => `    ${line}`));
  }
  return lines;
}

function figuresOf(slot: Slot): string {
  return [
    `${slot.pieces} ${slot.pieces === 1 ? "piece" : "pieces"}`,
    `first after ${duration(slot.firstMs)}`,
    ...(slot.confidence === undefined ? [] : [`confidence ${slot.confidence.toFixed(2)}`]),
    ...(slot.attempt === 0 ? [] : [`attempt ${slot.attempt}`]),
  ].join(", ");
}

/** One event as one plain line, where there is no terminal to draw on. Undefined: it is shown elsewhere or not at all. */
export function eventLine(event: RunEvent, style: Style): string | undefined {
  switch (event.type) {
    case "partial": {
      // A piece may carry only usage or confidence.
      if (event.text.trim() === "") return undefined;
      const name = event.sample === 0 ? event.adapter : `${event.adapter}#${event.sample}`;
      return `  partial  ${pad(safe(name), 18)} #${event.chunk}  ${clip(safe(event.text).replace(/\s+/g, " ").trim(), style.width - 36)}`;
    }
    case "provisional":
      return provisionalLine(event.answer, event.confidence, style);
    case "warning":
      return `  warning  ${event.error.code}: ${safe(event.error.message)}`;
    case "question":
    case "log":
      return `  ${event.type}  ${clip(safe(JSON.stringify(event.content)), style.width - 12)}`;
    default:
      return undefined;
  }
}
