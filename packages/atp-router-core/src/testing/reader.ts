import type { Frame } from "atp-protocol";

/** A reader of partials, by the rule that a higher attempt voids what an adapter said before (A4.2). */
export function readerOf(partials: readonly Frame[]): {
  text(adapter: string): string;
  attempts(adapter: string): readonly number[];
} {
  const slots = new Map<string, { attempt: number; chunks: number; text: string; attempts: number[] }>();
  for (const { payload } of partials) {
    const { adapter, chunk, attempt, text } = payload?.content as {
      adapter: string;
      chunk: number;
      attempt: number;
      text?: string;
    };
    const slot = slots.get(adapter) ?? { attempt, chunks: 0, text: "", attempts: [attempt] };
    slots.set(adapter, slot);
    if (attempt < slot.attempt) throw new Error(`${adapter} fell back from attempt ${slot.attempt} to ${attempt}`);
    if (attempt > slot.attempt)
      Object.assign(slot, { attempt, chunks: 0, text: "", attempts: [...slot.attempts, attempt] });
    if (chunk < slot.chunks) throw new Error(`${adapter} tells chunk ${chunk} again`);
    slot.chunks = chunk + 1;
    slot.text += text ?? "";
  }
  return {
    text: (adapter) => slots.get(adapter)?.text ?? "",
    attempts: (adapter) => slots.get(adapter)?.attempts ?? [],
  };
}
