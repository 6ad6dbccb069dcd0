import { endDrain } from "./drain.js";
import { onNoHello } from "./greeting.js";
import { STALL_MS } from "./outbox.js";
import { tickRate } from "./rate.js";
import { numberQueue } from "./router-sender.js";
import type { RouterState } from "./router-state.js";
import { relieve } from "./starving.js";
import { arm, isDue } from "./timer.js";

/** Router: what else is due: the first frame, its rate, the end of a drain, streams without credit. */
export function tickRouter(s: RouterState): void {
  if (s.helloBy !== null && s.phase === "opening" && isDue(s, s.helloBy)) onNoHello(s);
  tickRate(s);
  if (s.drainBy !== null && isDue(s, s.drainBy)) endDrain(s);
  for (const stream of s.streams.values()) {
    if (stream.starvedAt === null || stream.unfed || !isDue(s, stream.starvedAt + STALL_MS)) continue;
    if (!s.capabilities.resume) continue;
    // Without credit for 30 s the call runs on into the replay buffer (A8.3).
    stream.unfed = true;
    numberQueue(s, stream);
    relieve(s, stream);
  }
}

/** Router: a socket without HELLO shows life by pongs (A9.1). */
export function ping(s: RouterState): void {
  if (!isDue(s, Math.max(s.lastHeardAt, s.pingedAt) + s.limits.heartbeat_ms)) return;
  s.pingedAt = s.at;
  s.fx.push({ t: "ping" });
  arm(s, s.at + s.limits.heartbeat_ms);
}
