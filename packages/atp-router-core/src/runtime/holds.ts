import type { BudgetRefusal, HoldScope, Limits, Ms } from "../model/index.js";
import type { OuterScope, StreamEffect } from "../stream/index.js";
import type { StreamHost } from "./host.js";
import type { Tools } from "./tools.js";

type Reserve = Extract<StreamEffect, { t: "hold.reserve" }>;
type ReserveAll = Extract<StreamEffect, { t: "hold.reserveAll" }>;

/** Asks the ledger for a hold; the answer becomes an event. */
export function reserve(tools: Tools, host: StreamHost, effect: Reserve): void {
  const { clock, emit } = tools;
  const { key } = host;
  const { hold, leg, leaves } = effect;
  const outer = tools.budgets.current(effect.scopes);
  const scopes = [ownScope(host, effect.window), ...outer];
  tools.ledger.reserve(hold, scopes, effect.amounts, effect.ttlMs, leaves).then(
    (result) => {
      if (!result.ok) {
        const { refusal, left } = result;
        emit({ t: "hold.refused", at: clock.now(), key, leg, refusal, left, ...refill(outer, refusal) });
        return;
      }
      if (leaves === true) host.leaving.add(hold);
      emit({ t: "hold.granted", at: clock.now(), key, leg });
    },
    () => unavailable(tools, host, [effect]),
  );
}

/** Asks the ledger for holds together; the answer becomes an event for each, or one for all that were refused. */
export function reserveAll(tools: Tools, host: StreamHost, { holds, scopes: outer, window, ttlMs }: ReserveAll): void {
  const { clock, emit } = tools;
  const { key } = host;
  const scopes = [ownScope(host, window), ...tools.budgets.current(outer)];
  tools.ledger.reserveAll(holds, scopes, ttlMs).then(
    (result) => {
      if (!result.ok) {
        emit({ t: "group.refused", at: clock.now(), key, legs: holds.map(({ leg }) => leg), left: result.left });
        return;
      }
      for (const { hold, leg, leaves } of holds) {
        if (leaves === true) host.leaving.add(hold);
        emit({ t: "hold.granted", at: clock.now(), key, leg });
      }
    },
    () => unavailable(tools, host, holds),
  );
}

/** It may have been applied: what may stand is taken back. */
function unavailable(
  tools: Tools,
  { key }: StreamHost,
  holds: readonly { readonly hold: string; readonly leg: number }[],
): void {
  for (const { hold } of holds) tools.desk.void(hold);
  for (const { leg } of holds) tools.emit({ t: "hold.unavailable", at: tools.clock.now(), key, leg });
}

function ownScope({ key }: StreamHost, limits: Limits): HoldScope {
  return { source: "stream", key: `stream:${key}`, limits };
}

/** When the window that refused refills. */
function refill(scopes: readonly OuterScope[], { limitSource, dimension, limit }: BudgetRefusal): { refillsAt?: Ms } {
  const scope = scopes.find(({ source, limits }) => source === limitSource && limits[dimension] === limit);
  return scope?.refillsAt === undefined ? {} : { refillsAt: scope.refillsAt };
}
