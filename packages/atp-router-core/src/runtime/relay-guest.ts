import { closeCodes } from "atp-protocol";
import type { ReplayStore } from "atp-protocol/replay";
import type { Clock } from "../ports/index.js";
import type { OwnerSilence } from "./owner-silence.js";
import { relayPipe, unpackParts } from "./relay-pipe.js";
import type { PipeEnd, RelayItem } from "./relay-pipe.js";
import type { SocketPort } from "./socket.js";

/** How often a relay sees whether the owner is still there. */
const PULSE_MS = 2_000;

/** Silence of an owner after which it counts as lost, whatever the store says. */
const SILENT_MS = 3 * PULSE_MS;

/** How long the owner has to take a client. */
const OPEN_MS = 3_000;

/** A socket of ours whose session another router owns. */
export interface Relay {
  /** What the client does goes to the owner. */
  push(item: RelayItem): void;
  /** What the owner does goes to the client. */
  take(items: readonly RelayItem[]): void;
  /** The socket is gone. */
  closed(code: number, reason: string): void;
}

/** What a relay needs. */
export interface GuestTools {
  readonly store: ReplayStore;
  readonly self: string;
  readonly clock: Clock;
  readonly gone: (line: string) => void;
  readonly silence: OwnerSilence;
}

/** How the owner answered; `silent`: not at all, though the store says that it lives. */
export type RelayAnswer = "opened" | "unknown" | "lost" | "silent";

/**
 * Lets a client speak with the owner of its session. When the owner is lost on the way, its socket closes with 4000: the client
 * resumes, here or elsewhere, and finds what the store has.
 * @param answer is told once, before anything else happens to the socket
 */
export function openRelay(
  tools: GuestTools,
  line: string,
  { session, owner }: { readonly session: string; readonly owner: string },
  socket: SocketPort,
  open: Extract<RelayItem, { t: "open" }>,
  answer: (how: RelayAnswer) => void,
): Relay {
  const { clock } = tools;
  let heardAt = clock.now();
  let state: "opening" | "open" | "over" = "opening";
  const pipe = relayPipe(tools.store, session, line, tools.self, owner, lost);
  // Whether it lives is for the store to say: whoever takes over a session of a router that is only slow ends answers that go on there.
  let stop = clock.at(clock.now() + OPEN_MS, silent);

  function pulse(): void {
    if (clock.now() - heardAt > SILENT_MS) return silent();
    pipe.push({ t: "pulse" });
    stop = clock.at(clock.now() + PULSE_MS, pulse);
  }

  function end(): boolean {
    const wasOpen = state === "open";
    const wasOver = state === "over";
    state = "over";
    stop();
    tools.gone(line);
    return wasOpen && !wasOver;
  }

  function silent(): void {
    lost(tools.silence.silent(owner, clock.now() - heardAt) ? "lost" : "silent");
  }

  function lost(how: PipeEnd): void {
    if (state === "over") return;
    const wasOpen = end();
    if (wasOpen) socket.close(closeCodes.goingAway, "the router of this session is lost: resume");
    else answer(how);
  }

  function take(items: readonly RelayItem[]): void {
    heardAt = clock.now();
    tools.silence.heard(owner);
    for (const item of items) {
      if (state === "over") return;
      if (item.t === "unknown") {
        end();
        answer("unknown");
      } else if (item.t === "opened") {
        stop();
        state = "open";
        answer("opened");
        pulse();
      } else if (item.t === "data") for (const data of unpackParts(item.data)) socket.send(data);
      else if (item.t === "ping") socket.ping();
      else if (item.t === "reading") socket.setReading(item.on);
      else if (item.t === "terminate") socket.terminate();
      else if (item.t === "close") {
        end();
        socket.close(item.code, item.reason);
      }
    }
  }

  pipe.push(open);
  return {
    take,
    push: (item) => {
      if (state !== "over") pipe.push(item);
    },
    closed(code, reason) {
      if (state === "over") return;
      pipe.push({ t: "closed", code, reason });
      end();
    },
  };
}
