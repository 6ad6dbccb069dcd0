import type { Bag, Json } from "./vector-data.js";

/** How a socket is opened. Only a live router looks at it. */
export interface ConnectOptions {
  readonly origin?: string;
  readonly host?: string;
  /** What is offered. @default ["atp.v1+json"] */
  readonly subprotocols?: readonly string[];
  /** What must be chosen; null: none. */
  readonly subprotocol?: string | null;
}

/** One step of a session. Exactly one of the first members says what it is. */
export interface Step {
  /** Which socket it is about. @default 1 */
  readonly socket?: number;
  /** A new socket to the testee, beside those with another number. */
  readonly connect?: ConnectOptions & {
    /** The session of that socket goes on here: its frames are held to what came there. From here on that one is only waited for. */
    readonly resumes?: number;
  };
  /** A frame to the testee: members that every frame has may be left out. */
  readonly send?: Bag;
  /** A text to the testee as it stands, or a repeated unit. */
  readonly text?: string | { readonly repeat: string; readonly times: number };
  /** One WebSocket frame with any bytes, for a live router. */
  readonly bytes?: { readonly opcode: "text" | "binary"; readonly hex: string; readonly times?: number };
  /** The next frame that comes, beside those that `skip` lets pass. */
  readonly expect?: Bag;
  /** Frames are read, whatever they are, until one has this shape. */
  readonly until?: Bag;
  /** The socket is closed by the testee with this code. */
  readonly closed?: number | readonly number[];
  /** Nothing more comes, beside what `skip` lets pass. */
  readonly quiet?: true;
  /** The socket is lost, as the testee sees it, with this code. */
  readonly drop?: number;
  /** Milliseconds of the testee's clock. */
  readonly advance?: number;
  /** What the testee's program is told to do. */
  readonly do?: Bag & { readonly op: string };
  /** What the testee's program is told by the protocol: the next news of this name. */
  readonly told?: Bag & { readonly told: string };
  /** No news of this name came since the last step that asked for one. */
  readonly untold?: string;
  /** Kinds of frames that may stand before the one that is expected. @default the trace's own */
  readonly skip?: readonly string[];
  /** Values of the frame that came, by JSON pointer, for later `$name`. */
  readonly save?: Readonly<Record<string, string>>;
  /** The step is repeated; `$i` is its number from 0. */
  readonly times?: number;
}

/** A session between the suite and a testee that plays `side`. */
export interface Trace {
  readonly id: string;
  readonly profile: string;
  readonly side: "client" | "router";
  readonly rules: readonly string[];
  /** Capabilities that must be in force; a testee that does not announce one skips the trace. */
  readonly capabilities?: readonly string[];
  /** What the testee needs beyond its side: `auth`, `sockets` (more than one at once). */
  readonly needs?: readonly string[];
  /** Members of the request `start`. */
  readonly start?: Bag;
  /** Steps before the trace's own. @default "hello" */
  readonly begin?: "hello" | "naive" | "nothing";
  readonly skip?: readonly string[];
  /** It stands for a testee in virtual time only, and why; a live router skips it by this name. */
  readonly virtual?: string;
  /** Why a running router may rightly be done before the trace is: it is put to one up to three times. */
  readonly races?: string;
  /** For a live router only. */
  readonly live?: boolean;
  readonly steps: readonly Step[];
}

/** Frames that may come at any time and that most steps do not ask for. */
export const USUALLY_SKIPPED: readonly string[] = ["plan", "status", "window_update", "hb", "ack"];

/** A name for the kind of a frame, as `skip` uses it. */
export function kindOf(frame: Readonly<Record<string, unknown>>): string {
  const flags = Array.isArray(frame["flags"]) ? frame["flags"] : [];
  if (flags.includes("HB")) return "hb";
  if (flags.includes("ACK")) return flags.includes("SYN") ? "accept" : "ack";
  const type = (frame["payload"] as { type?: unknown } | undefined)?.type;
  if (typeof type !== "string") return flags.map(String).join().toLowerCase();
  return type.slice(type.lastIndexOf(".") + 1);
}

/** The member of a value that a JSON pointer names. */
export function pointed(value: unknown, pointer: string): Json | undefined {
  let at: unknown = value;
  for (const part of pointer.split("/").slice(1)) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return at as Json | undefined;
}
