import type { FinalResult, PlanContent, RunEvent } from "atp-client";
import type { Window } from "atp-client";

/** One adapter's answer so far. */
export interface Slot {
  readonly name: string;
  text: string;
  pieces: number;
  attempt: number;
  confidence: number | undefined;
  /** Milliseconds from the question to its first and newest piece. */
  readonly firstMs: number;
  lastMs: number;
}

/** What has happened in a run so far, as far as a viewer wants to see it. */
export interface Story {
  plan: PlanContent | undefined;
  readonly slots: Map<string, Slot>;
  left: Window | undefined;
  /** The consensus as last told before the end. */
  provisional: { readonly answer: string; readonly confidence: number | undefined } | undefined;
  final: FinalResult | undefined;
}

/** A story before anything happened. */
export function newStory(): Story {
  return { plan: undefined, slots: new Map(), left: undefined, provisional: undefined, final: undefined };
}

/** Takes one event into the story. @param atMs milliseconds since the question was sent */
export function tell(story: Story, event: RunEvent, atMs: number): void {
  if (event.type === "plan") story.plan = event.plan;
  if (event.type === "window") story.left = event.left ?? story.left;
  if (event.type === "provisional") story.provisional = { answer: event.answer, confidence: event.confidence };
  if (event.type === "final") story.final = event;
  if (event.type !== "partial") return;
  const name = event.sample === 0 ? event.adapter : `${event.adapter}#${event.sample}`;
  const slot = story.slots.get(name);
  if (slot === undefined) {
    const { text, attempt, confidence } = event;
    story.slots.set(name, { name, text, pieces: 1, attempt, confidence, firstMs: atMs, lastMs: atMs });
    return;
  }
  // A higher attempt voids what the adapter said before.
  const voided = event.attempt > slot.attempt;
  slot.text = voided ? event.text : slot.text + event.text;
  slot.pieces = voided ? 1 : slot.pieces + 1;
  slot.attempt = event.attempt;
  slot.confidence = event.confidence ?? slot.confidence;
  slot.lastMs = atMs;
}

/** The adapters of a plan in a fixed order, so that each keeps its colour. */
export function adapterOrder(plan: PlanContent | undefined): readonly string[] {
  return plan?.candidates.map(({ adapter }) => adapter) ?? [];
}
