import { errorOf } from "./failure.js";
import type { State, Stream } from "./state.js";

/** Client: tells the host what the router did wrong. Nothing is said on the wire. */
export function violate(s: State, stream: Stream | undefined, rule: string, message: string): void {
  s.fx.push({ t: "violation", error: errorOf("EPROTO", rule, message, {}, "maybe"), stream: stream?.ref ?? null });
}
