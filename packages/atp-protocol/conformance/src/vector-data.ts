/**
 * Vectors as they stand in `vectors/*.json`, and how a pair's template becomes texts. The format is described in
 * `conformance/README.md`.
 */

/** What takes the place of a template's hole: JSON text, a repeated unit, a pad up to a size, or several joined. */
export type Fill =
  | string
  | { readonly repeat: string; readonly times: number }
  | { readonly pad_to: number; readonly unit: string }
  | readonly Fill[];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };
export type Bag = Readonly<Record<string, Json>>;

/** How a subject must be refused. */
export interface Reject {
  readonly fill: Fill;
  /** @default "EPROTO" */
  readonly code?: string;
  readonly details?: Json;
}

/** Subjects that differ in one place only: those to take and those to refuse. */
export interface Pair {
  readonly id: string;
  readonly rules: readonly string[];
  /** The name of an entry of `bases`, with members of `set` in place of its own. */
  readonly base?: string;
  readonly set?: Bag;
  /** Instead of a base: the text itself, one frame, or the fragments of one message. */
  readonly text?: string;
  readonly frame?: Bag;
  readonly frames?: readonly Bag[];
  readonly accept: readonly Fill[];
  readonly reject: readonly Reject[];
  readonly limits?: Readonly<Record<string, number>>;
  /** Where a content stands: `syn`, `message`, `end` or `control`. */
  readonly on?: string;
  /** For `join`: the payload that must come out. */
  readonly payload?: Json;
  /** For `decode`: members as read, for accepted fills. */
  readonly same?: Readonly<Record<string, Bag>>;
  /** Further members of the request to the testee. */
  readonly with?: Bag;
}

/** One file of `vectors/`. */
export interface VectorFile {
  readonly suite: string;
  readonly op: string;
  readonly profile: string;
  /** A testee without this capability or operation skips the file. */
  readonly capability?: string;
  readonly bases?: Readonly<Record<string, Bag>>;
  readonly pairs?: readonly Pair[];
  readonly cases?: readonly {
    readonly id: string;
    readonly rules: readonly string[];
    readonly text: string;
    readonly canonical: string;
    /** The text is a frame: its signed text is asked. */
    readonly signed?: boolean;
  }[];
  readonly seals?: readonly {
    readonly id: string;
    readonly rules: readonly string[];
    readonly frame: Bag;
    readonly key: string;
    readonly checksum: string;
    readonly sig: string;
  }[];
  readonly splits?: readonly {
    readonly id: string;
    readonly rules: readonly string[];
    readonly limits: Readonly<Record<string, number>>;
    readonly prompt: { readonly unit: string; readonly times: number };
    readonly count?: number;
  }[];
}

const HOLE = /"@@":0|"@@"|@@/;

/** A pair's template, with its hole. */
export function templateOf(file: VectorFile, pair: Pair): string {
  if (pair.text !== undefined) return pair.text;
  if (pair.frame !== undefined) return JSON.stringify(pair.frame);
  if (pair.frames !== undefined) return JSON.stringify(pair.frames.map(asFragment));
  const base = file.bases?.[pair.base ?? ""];
  if (base === undefined) throw new Error(`${file.suite}/${pair.id} names no base of its file`);
  return JSON.stringify({ ...base, ...pair.set });
}

/** A fragment is written short in a vector: the members of its frame, `data` and `end`. */
function asFragment(short: Bag): Bag {
  const { data, end, frag_seq, flags, msg_seq, "@@": hole, ...more } = short;
  const content: Record<string, Json> = { data: data ?? "" };
  if (end !== undefined) content["end"] = end;
  if (hole !== undefined) content["@@"] = hole;
  return {
    ...{ v: 1, session_id: "s1", stream_id: "q1", msg_seq: msg_seq ?? 2 },
    frag_seq: frag_seq ?? 0,
    flags: flags ?? [],
    ...more,
    payload: { type: "atp.fragment", content },
  };
}

/** The text of a template with its hole filled. @throws Error when it has no hole, or more than one. */
export function fillTemplate(template: string, fill: Fill): string {
  const match = HOLE.exec(template);
  if (match === null) throw new Error(`a template without a hole: ${template.slice(0, 80)}`);
  const before = template.slice(0, match.index);
  const after = template.slice(match.index + match[0].length);
  if (HOLE.test(after)) throw new Error(`a template with two holes: ${template.slice(0, 80)}`);
  return before + textOf(fill, Buffer.byteLength(before) + Buffer.byteLength(after)) + after;
}

function textOf(fill: Fill, around: number): string {
  if (typeof fill === "string") return fill;
  if ("repeat" in fill) return fill.repeat.repeat(fill.times);
  if ("pad_to" in fill) return padding(fill.pad_to - around, fill.unit);
  const known = fill.map((part) => (typeof part === "object" && "pad_to" in part ? "" : textOf(part, around)));
  const rest = around + Buffer.byteLength(known.join(""));
  return fill.map((part, index) => known[index] || textOf(part, rest)).join("");
}

/** So many bytes of a unit; what is no whole unit is filled with `x`. */
function padding(bytes: number, unit: string): string {
  const size = Buffer.byteLength(unit);
  return unit.repeat(Math.floor(bytes / size)) + "x".repeat(bytes % size);
}
