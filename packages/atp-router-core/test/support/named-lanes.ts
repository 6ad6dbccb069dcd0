import { createLanes } from "../../src/lanes/index.js";
import type { LaneOutcome, Lanes, LanesConfig, Ticket } from "../../src/lanes/index.js";

/** A ticket with a name, so that a test can tell which is which. */
export interface NamedTicket extends Ticket {
  readonly id: string;
}

type Named<O> = O extends { readonly ticket: Ticket } ? Omit<O, "ticket"> & { readonly id: string } : never;

/** An outcome that tells the ticket's name. */
export type NamedOutcome = Named<LaneOutcome>;

/** Lanes whose tickets are known by their names. */
export interface NamedLanes
  extends Pick<Lanes, "accountOf" | "nextExpiryAt" | "runningAt" | "outlook" | "patienceMs" | "countShed" | "view"> {
  enqueue(ticket: Omit<NamedTicket, "seat">, at: number): readonly NamedOutcome[];
  release(id: string, at: number, actualCost?: number): readonly NamedOutcome[];
  cancel(id: string, at: number): readonly NamedOutcome[];
  expire(at: number): readonly NamedOutcome[];
  setLimit(adapter: string, limit: number, at: number): readonly NamedOutcome[];
}

/** Lanes as they are, with names. A name that is in use gives the ticket that has it once more. */
export function createNamedLanes(config: LanesConfig): NamedLanes {
  const lanes = createLanes<NamedTicket>(config);
  const tickets = new Map<string, NamedTicket>();
  const ticketOf = (id: string): NamedTicket =>
    tickets.get(id) ?? { id, lane: "silver", tenant: "unknown", cost: 1, seat: -1 };
  const named = (outcomes: readonly LaneOutcome<NamedTicket>[]): readonly NamedOutcome[] =>
    outcomes.map(({ ticket, ...rest }) => ({ ...rest, id: ticket.id }));
  return {
    ...lanes,
    enqueue(ticket, at) {
      const known = tickets.get(ticket.id);
      const own = known !== undefined && known.seat !== -1 ? known : { ...ticket, seat: -1 };
      tickets.set(ticket.id, own);
      return named(lanes.enqueue(own, at));
    },
    release: (id, at, actualCost) => named(lanes.release(ticketOf(id), at, actualCost)),
    cancel: (id, at) => named(lanes.cancel(ticketOf(id), at)),
    expire: (at) => named(lanes.expire(at)),
    setLimit: (adapter, limit, at) => named(lanes.setLimit(adapter, limit, at)),
  };
}
