import type { Ticket } from "../lanes/index.js";
import type { StreamKey, StreamState } from "../stream/index.js";

/** A call in the lanes, and whose it is. */
export interface LegTicket extends Ticket {
  readonly key: StreamKey;
  readonly leg: number;
}

/** A hold or an extension that something freed may let through. */
export function waits(leg: StreamState["legs"][number]): boolean {
  return leg.phase === "waiting" || runsShort(leg);
}

/** A call that runs, and whose extension was refused. */
export function runsShort({ phase, extension }: StreamState["legs"][number]): boolean {
  return phase === "running" && extension === "refused";
}

/** The name of a call in the lanes. */
export function ticketId(effect: { readonly key: StreamKey; readonly leg: number }): string {
  return `${effect.key}!${effect.leg}`;
}
