import { closeSync, createWriteStream, existsSync, fstatSync, openSync, readSync } from "node:fs";
import type { Writable } from "node:stream";
import { canonicalJson } from "atp-protocol/integrity";
import { GENESIS, hashOfText } from "./audit-chain.js";
import type { AuditEvent, AuditRecord } from "./audit-chain.js";
import { lineSink } from "./line-sink.js";

/** Options of {@link openAuditLog}. */
export interface AuditLogOptions {
  /** Appended to; made with mode 0600 when it is not there. */
  readonly file: string;
  /** With it records carry an HMAC: who can write the file cannot make a chain of his own. */
  readonly key?: string;
  /** Records that may wait for the disk; beyond it they are lost, which the log says. @default 10000 */
  readonly maxWaiting?: number;
  /** Unix milliseconds. @default Date.now */
  readonly wall?: () => number;
  /** Told once when writing fails. */
  readonly onError?: (error: Error) => void;
  /** Where lines go instead of the file's end, for tests of a sink that blocks. */
  readonly sink?: Writable;
}

/** An append-only log of what was refused, spent and changed, in which each record holds the hash of the one before. */
export interface AuditLog {
  /** Writes behind: never waits, never throws. */
  append(event: AuditEvent): void;
  /** Records that found no room so far. */
  readonly lost: number;
  /** The last record's hash, to note elsewhere. */
  readonly head: string;
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

/** The last record is within so many bytes of the end. */
const TAIL_BYTES = 262_144;

/**
 * Opens a log and goes on where it ends. A sink that blocks holds up nobody: records wait up to a bound, then they are counted, and
 * the count is the next record.
 * @throws Error when the file cannot be opened, or its last whole line is no record of a log
 */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const { file, key, maxWaiting = 10_000, wall = Date.now } = options;
  const last = existsSync(file) ? lastRecord(file) : undefined;
  const sink = options.sink ?? createWriteStream(file, { flags: "a", mode: 0o600 });
  const out = lineSink(sink);
  let seq = last?.seq ?? 0;
  let head = last?.head ?? GENESIS;
  let unsaid = 0;
  let lost = 0;
  let failed = false;
  sink.on("error", (error: Error) => {
    if (!failed) options.onError?.(error);
    failed = true;
  });

  function write(event: AuditEvent, prefix = ""): void {
    const record = { ...event, seq: seq + 1, at: new Date(wall()).toISOString(), prev: head };
    // What is hashed is what is written: the hash is its last member.
    const text = canonicalJson(record);
    head = hashOfText(text, key);
    seq++;
    out.write(`${prefix}${text.slice(0, -1)}`, `,"hash":"${head}"}\n`);
  }

  if (last?.torn === true) write({ event: "log.recovered" }, "\n");
  return {
    append(event) {
      if (failed || out.waiting >= maxWaiting) {
        lost++;
        unsaid++;
        return;
      }
      if (unsaid > 0) {
        write({ event: "log.gap", lost: unsaid });
        unsaid = 0;
      }
      write(event);
    },
    get lost() {
      return lost;
    },
    get head() {
      return head;
    },
    close: () => out.close(),
  };
}

/** How the log ends: its last whole record, and whether half a line follows it. */
function lastRecord(file: string): { seq: number; head: string; torn: boolean } | undefined {
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return undefined;
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.toString("utf8").split("\n");
    const torn = lines.pop() !== "";
    const line = lines.at(-1);
    if (line === undefined) return { seq: 0, head: GENESIS, torn };
    const { seq, hash } = JSON.parse(line) as Partial<AuditRecord>;
    if (typeof seq !== "number" || typeof hash !== "string") throw new Error("it has neither seq nor hash");
    return { seq, head: hash, torn };
  } catch (cause) {
    throw new Error(`${file} does not end in a record of an audit log: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(descriptor);
  }
}
