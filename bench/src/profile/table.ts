import type { AllocationNode, CallFrame, CpuProfile } from "./inspector.js";
import { placeOf } from "./places.js";

/** A frame and what it took: microseconds or bytes. */
export type Taken = readonly [frame: CallFrame, amount: number];

/** What each function took itself, in microseconds; idle time is left out. */
export function timeTaken(profile: CpuProfile): Taken[] {
  const self = new Map<number, number>();
  profile.samples.forEach((id, i) => self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas[i] ?? 0)));
  return profile.nodes
    .filter((node) => node.callFrame.functionName !== "(idle)")
    .map((node) => [node.callFrame, self.get(node.id) ?? 0]);
}

/** What each function allocated itself, in bytes. */
export function memoryTaken(head: AllocationNode): Taken[] {
  return [[head.callFrame, head.selfSize], ...head.children.flatMap(memoryTaken)];
}

/** The functions and owners that took most, `rows` of each, as text. */
export function table(title: string, taken: readonly Taken[], requests: number, unit: string, rows: number): string {
  const functions = new Map<string, number>();
  const owners = new Map<string, number>();
  let total = 0;
  let ours = 0;
  const add = (sums: Map<string, number>, key: string, amount: number): void =>
    void sums.set(key, (sums.get(key) ?? 0) + amount);
  for (const [frame, amount] of taken) {
    if (amount === 0) continue;
    const place = placeOf(frame);
    total += amount;
    if (place.ours) ours += amount;
    add(functions, `${place.ours ? "*" : " "} ${place.where}`, amount);
    add(owners, `${place.ours ? "*" : " "} ${place.owner}`, amount);
  }
  const list = (sums: Map<string, number>): string[] =>
    [...sums]
      .sort((a, b) => b[1] - a[1])
      .slice(0, rows)
      .map(
        ([name, amount]) =>
          `${((amount / total) * 100).toFixed(1).padStart(6)}% ${(amount / requests).toFixed(0).padStart(7)} ${name}`,
      );
  return [
    `== ${title}: ${(total / requests).toFixed(0)} ${unit} a request, ${((ours / total) * 100).toFixed(1)}% in our own code (*)`,
    "-- by function, self",
    ...list(functions),
    "-- by owner",
    ...list(owners),
  ].join("\n");
}
