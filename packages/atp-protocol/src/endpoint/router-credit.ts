import type { Credit } from "../frame/frame.js";
import { markWaiting } from "./outbox.js";
import { announceGap } from "./resume-router.js";
import { hasCredit } from "./router-sender.js";
import type { RouterState, RouterStream } from "./router-state.js";

/** Router: the client granted absolute totals; lower ones are ignored (A8.1). */
export function onCredit(s: RouterState, stream: RouterStream, credit: Credit): void {
  if (!s.capabilities.credit) return;
  const before = stream.credit ?? credit;
  stream.credit = {
    messages: Math.max(before.messages, credit.messages),
    bytes: Math.max(before.bytes, credit.bytes),
  };
  if (stream.unfed) {
    stream.unfed = false;
    stream.starvedAt = null;
    if (stream.lost) announceGap(s, stream);
  } else {
    if (stream.starvedAt === null && !stream.full) return;
    // It may go on waiting, for the socket or for a place to fragment, but not for credit (A8.3).
    if (hasCredit(stream)) stream.starvedAt = null;
  }
  markWaiting(s, stream);
}
