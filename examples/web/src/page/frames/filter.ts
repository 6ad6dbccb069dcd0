import { kindOf } from "./frame-log.js";
import type { LoggedFrame } from "./frame-log.js";

/** What is shown of the frames. */
export interface Filter {
  readonly direction: "both" | "in" | "out";
  /** Words that must all stand in the kind, the stream, a flag or, past two letters, the frame as JSON. */
  readonly words: string;
}

export const everything: Filter = { direction: "both", words: "" };

/** The frames that pass. */
export function passing(frames: readonly LoggedFrame[], { direction, words }: Filter): readonly LoggedFrame[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return frames.filter((logged) => {
    if (direction !== "both" && logged.direction !== direction) return false;
    if (wanted.length === 0) return true;
    const { frame } = logged;
    const brief = `${kindOf(logged)} ${frame.stream_id} ${frame.flags.join(" ")}`.toLowerCase();
    let whole: string | undefined;
    return wanted.every((word) => {
      if (brief.includes(word)) return true;
      if (word.length < 3) return false;
      whole ??= JSON.stringify(frame).toLowerCase();
      return whole.includes(word);
    });
  });
}
