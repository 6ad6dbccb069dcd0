import { AtpError } from "atp-protocol";
import type { Lane, Ms } from "../model/index.js";
import type { RouterMachine } from "../router/index.js";

const why: Readonly<Record<string, string>> = {
  cut: "The router is short of time or memory",
  wait: "The queue of this lane is too long for the deadline",
};

/**
 * Lets a request in, or refuses it before anything but its head was read and before any adapter was asked.
 * @param meta the SYN's, unchecked
 * @throws AtpError `EOVERLOAD` with the time at which it would be let in as things stand
 */
export function passDoor(
  machine: RouterMachine,
  who: { readonly lane: Lane; readonly tenant: string; readonly meta: unknown; readonly maxStreamMs: Ms },
  at: Ms,
): void {
  const { lane, tenant } = who;
  const refusal = machine.refusal({ lane, tenant, ttlMs: ttlOf(who.meta, who.maxStreamMs) }, at);
  if (refusal === undefined) return;
  const { reason, retryAfterMs } = refusal;
  throw new AtpError("EOVERLOAD", `${why[reason] ?? why["wait"]}: try again after retry_after_ms.`, {
    retryAfterMs: Math.ceil(retryAfterMs),
    details: { reason, lane },
  });
}

function ttlOf(meta: unknown, most: Ms): Ms {
  const asked = typeof meta === "object" && meta !== null ? (meta as { deadline_ms?: unknown }).deadline_ms : undefined;
  return typeof asked === "number" && asked > 0 ? Math.min(asked, most) : most;
}
