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

/** Boxes and lines of a plan, from left to right. */
export interface Layout {
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
  readonly width: number;
  readonly height: number;
}

export const boxWidth = 176;
export const boxHeight = 46;
const gapX = 46;
const gapY = 14;

/** Places a plan: the question, a column for each rung, the weighing. */
export function layOut(plan: PlanContent): Layout {
  const most = Math.max(1, ...plan.rungs.map(({ length }) => length));
  const height = most * boxHeight + (most - 1) * gapY;
  const at = (column: number, row: number, rows: number): { x: number; y: number } => ({
    x: column * (boxWidth + gapX),
    y: (height - rows * boxHeight - (rows - 1) * gapY) / 2 + row * (boxHeight + gapY),
  });
  const start: Box = { id: "question", title: "question", note: plan.qos ?? "", kind: "end", ...at(0, 0, 1) };
  const last = plan.rungs.length + 1;
  const end: Box = { id: "weighing", title: "weighing", note: plan.strategy, kind: "end", ...at(last, 0, 1) };
  const columns = plan.rungs.map((rung, i) =>
    rung.map(
      ({ adapter, sample, hold }, row): Box => ({
        id: slotName(adapter, sample),
        title: slotName(adapter, sample),
        note: `holds ${hold.tokens} tok`,
        kind: "call",
        ...at(i + 1, row, rung.length),
      }),
    ),
  );
  const edges = columns.flatMap((column, i) =>
    column.flatMap((box) => [
      ...(i === 0 ? [edge(start, box, box.id)] : (columns[i - 1] ?? []).map((before) => edge(before, box, box.id))),
      ...(i === columns.length - 1 ? [edge(box, end, box.id)] : []),
    ]),
  );
  return {
    boxes: [start, ...columns.flat(), end],
    edges,
    width: (last + 1) * boxWidth + last * gapX,
    height,
  };
}

function edge(from: Box, to: Box, slot: string): Edge {
  const [x1, y1, x2, y2] = [from.x + boxWidth, from.y + boxHeight / 2, to.x, to.y + boxHeight / 2];
  const bend = (x2 - x1) / 2;
  return {
    id: `${from.id}>${to.id}`,
    path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
    slot,
  };
}
