import type { PlanContent } from "atp-client";
import { slotName } from "./call-state.js";

/** A box of the graph, in pixels. */
export interface Box {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly x: number;
  readonly y: number;
  readonly kind: "end" | "call";
}

/** A line from one box to another. */
export interface Edge {
  readonly id: string;
  readonly path: string;
  /** The call that it leads to or from. */
  readonly slot: string;
}

/** Boxes and lines of a plan. */
export interface Layout {
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
  readonly boxWidth: number;
  readonly width: number;
  readonly height: number;
}

export const boxHeight = 46;
const gapX = 46;
const gapY = 14;
/** How far a rung stands in where boxes stand below each other. */
const indent = 28;

/** Places a plan: the question, its rungs, the weighing; from left to right, or from top to bottom where the page is narrow. */
export function layOut(plan: PlanContent, isNarrow: boolean): Layout {
  return isNarrow ? downwards(plan) : sideways(plan);
}

function ends({ qos, strategy }: PlanContent): {
  readonly start: Omit<Box, "x" | "y">;
  readonly end: Omit<Box, "x" | "y">;
} {
  return {
    start: { id: "question", title: "question", note: qos ?? "", kind: "end" },
    end: { id: "weighing", title: "weighing", note: strategy, kind: "end" },
  };
}

function callsOf({ rungs }: PlanContent): readonly (readonly Omit<Box, "x" | "y">[])[] {
  return rungs.map((rung) =>
    rung.map(({ adapter, sample, hold }) => {
      const slot = slotName(adapter, sample);
      return { id: slot, title: slot, note: `holds ${hold.tokens} tok`, kind: "call" };
    }),
  );
}

function sideways(plan: PlanContent): Layout {
  const boxWidth = 176;
  const rungs = callsOf(plan);
  const most = Math.max(1, ...rungs.map(({ length }) => length));
  const height = most * boxHeight + (most - 1) * gapY;
  const at = (column: number, row: number, rows: number): { x: number; y: number } => ({
    x: column * (boxWidth + gapX),
    y: (height - rows * boxHeight - (rows - 1) * gapY) / 2 + row * (boxHeight + gapY),
  });
  const last = rungs.length + 1;
  const start = { ...ends(plan).start, ...at(0, 0, 1) };
  const end = { ...ends(plan).end, ...at(last, 0, 1) };
  const columns = rungs.map((rung, i) => rung.map((box, row): Box => ({ ...box, ...at(i + 1, row, rung.length) })));
  const edge = (from: Box, to: Box, slot: string): Edge => {
    const [x1, y1, x2, y2] = [from.x + boxWidth, from.y + boxHeight / 2, to.x, to.y + boxHeight / 2];
    const bend = (x2 - x1) / 2;
    const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    return { id: `${from.id}>${to.id}`, path, slot };
  };
  const edges = columns.flatMap((column, i) =>
    column.flatMap((box) => [
      ...(columns[i - 1] ?? [start]).map((before) => edge(before, box, box.id)),
      ...(i === columns.length - 1 ? [edge(box, end, box.id)] : []),
    ]),
  );
  const width = (last + 1) * boxWidth + last * gapX;
  return { boxes: [start, ...columns.flat(), end], edges, boxWidth, width, height };
}

function downwards(plan: PlanContent): Layout {
  const boxWidth = 230;
  const rungs = callsOf(plan);
  const boxes: Box[] = [{ ...ends(plan).start, x: 0, y: 0 }];
  const edges: Edge[] = [];
  let y = boxHeight;
  for (const [i, rung] of rungs.entries()) {
    // What comes only when the rung before was not enough stands apart from it.
    y += i > 0 ? 2 * gapY : gapY;
    for (const box of rung) {
      boxes.push({ ...box, note: rungs.length > 1 ? `rung ${i + 1} · ${box.note}` : box.note, x: indent, y });
      const middle = y + boxHeight / 2;
      edges.push({ id: `trunk>${box.id}`, path: `M${indent / 2} ${boxHeight}V${middle}H${indent}`, slot: box.id });
      y += boxHeight + gapY;
    }
    y -= gapY;
  }
  y += gapY;
  const slot = rungs.at(-1)?.at(-1)?.id ?? "";
  edges.push({ id: "trunk>weighing", path: `M${indent / 2} ${boxHeight}V${y}`, slot });
  boxes.push({ ...ends(plan).end, x: 0, y });
  return { boxes, edges, boxWidth, width: indent + boxWidth, height: y + boxHeight };
}
