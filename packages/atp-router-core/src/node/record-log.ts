import { createWriteStream } from "node:fs";
import type { Observer } from "../ports/index.js";
import { lineSink } from "./line-sink.js";

/** Bytes that may wait for the disk; past it records are dropped and counted, never a stream held up. */
const MAX_WAITING = 4 * 1_048_576;

/** Writes decision records, one JSON line each. */
export interface RecordLog {
  readonly observer: Observer;
  /** Records that found no room, or no disk. */
  readonly dropped: number;
  close(): Promise<void>;
}

/** A log of decision records in a file, appended. Prompts stand in it as a hash, answers not at all. */
export function recordLog(path: string, onError: (error: Error) => void): RecordLog {
  const file = createWriteStream(path, { flags: "a" });
  const out = lineSink(file);
  let dropped = 0;
  let broken = false;
  file.on("error", (error) => {
    broken = true;
    onError(error);
  });
  return {
    observer: {
      observe(o) {
        if (o.t !== "stream.decision" && o.t !== "stream.judged") return;
        if (broken || out.waitingBytes > MAX_WAITING) {
          dropped++;
          return;
        }
        const { key } = o;
        const line =
          o.t === "stream.decision"
            ? { key, tenant: o.tenant, ...o.record }
            : { key, verdict: { task: o.task, groups: o.groups, truth: o.truth } };
        out.write(JSON.stringify(line), "\n");
      },
    },
    get dropped() {
      return dropped;
    },
    close: () => out.close(),
  };
}
