import type { Bag, Json } from "../vector-data.js";

/** One line to a testee. */
export interface Request {
  readonly op: string;
  readonly [member: string]: unknown;
}

/** One line of a testee. `error`: it could not do what was asked, which fails the check. */
export interface Answer {
  readonly error?: string;
  /** For checks of data: why the subject is refused. */
  readonly refused?: { readonly code: string; readonly details?: Json };
  /** For sessions: what left the testee, in order. */
  readonly out?: readonly Output[];
  readonly [member: string]: unknown;
}

/** What leaves a testee in a session: a frame or a close to its peer on a socket (1 unless given), or news to its own program. */
export type Output =
  | { readonly frame: string; readonly socket?: number }
  | { readonly close: number; readonly socket?: number }
  | { readonly told: string; readonly [member: string]: unknown };

/** What a testee says of itself. Operations that it does not list are skipped. */
export interface About {
  readonly name: string;
  readonly ops: readonly string[];
  /** Sides that it plays in sessions: `client`, `router`. */
  readonly sides: readonly string[];
  readonly capabilities: readonly string[];
}

/** A testee, in this process or another. */
export interface Testee {
  ask(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

/** Reads the answer to `about`. */
export function readAbout(answer: Answer): About {
  const { name, ops, sides, capabilities } = answer as unknown as Bag;
  const strings = (value: Json | undefined): string[] =>
    Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
  if (typeof name !== "string" || !Array.isArray(ops))
    throw new Error("the testee's answer to `about` is not {name, ops, sides, capabilities}");
  return { name, ops: strings(ops), sides: strings(sides), capabilities: strings(capabilities) };
}
