import { AtpError } from "atp-protocol";
import type { HelloContent, KeptMessage, LostStream, StreamRef } from "atp-protocol";
import type { Attachment, ReplayCommand, ReplayStore } from "atp-protocol/replay";
import type { Principal } from "../model/index.js";
import type { Clock, Observer, Rng } from "../ports/index.js";
import { watchSilence } from "./owner-silence.js";
import { openRelay } from "./relay-guest.js";
import type { Relay, RelayAnswer } from "./relay-guest.js";
import { openRemoteLine } from "./relay-owner.js";
import type { OwnerTools, RemoteLine } from "./relay-owner.js";
import { packParts, readBatch, unpackParts } from "./relay-pipe.js";
import type { RelayItem } from "./relay-pipe.js";
import type { SocketPort } from "./socket.js";

/** A router's part in sessions that routers share: what it keeps goes to the store, and what it does not know may be another's. */
export interface SharedSessions {
  /** Names the session by these tokens, as ours. Rejects when the store cannot be reached. */
  publish(session: string, who: Principal, tokenIds: readonly string[]): Promise<void>;
  /** The session's tokens changed. None: it is forgotten, unless another router owns it by now. */
  tokens(session: string, who: Principal, tokenIds: readonly string[]): void;
  kept(session: string, stream: StreamRef, message: KeptMessage): void;
  acked(session: string, stream: StreamRef, seq: number): void;
  /** Whose session a token stands for. */
  attach(tokenId: string, who: Principal): Promise<Attachment | null | "forbidden">;
  /** Speaks for a client with the owner of its session. */
  relay(
    at: Attachment,
    socket: SocketPort,
    open: Extract<RelayItem, { t: "open" }>,
    answer: (how: RelayAnswer) => void,
  ): Relay;
  /** What the store has of streams that a client asks for, whose router is lost. */
  lost(session: string, label: string, asked: NonNullable<HelloContent["resume"]>["streams"]): Promise<LostStream[]>;
  /** Clients of our sessions at other routers. */
  lines(): Iterable<RemoteLine>;
  /** Resolves when the store has answered to all that was kept so far, however. */
  written(): Promise<void>;
  close(): void;
}

/** What it needs of its router. */
export interface SharedTools {
  readonly store: ReplayStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly observer: Observer | undefined;
  readonly retentionBytes: number;
  readonly find: OwnerTools["find"];
  readonly attach: OwnerTools["attach"];
}

/** How long to wait before a store that did not answer is asked for commands again. */
const LISTEN_AGAIN_MS = 500;

/** Joins a router to those that share `store`. */
export function shareSessions(tools: SharedTools): SharedSessions {
  const { store, clock, rng } = tools;
  const self = rng.hex(12);
  const owned = new Map<string, RemoteLine>();
  const relays = new Map<string, Relay>();
  const silence = watchSilence(clock);
  const writes = new Set<Promise<void>>();
  let stopCommands: (() => void) | undefined;
  let closed = false;

  function report(error: unknown): void {
    tools.observer?.observe({ t: "replay.failed", error });
  }

  const ownerTools: OwnerTools = {
    store,
    self,
    clock,
    find: tools.find,
    attach: tools.attach,
    gone: (line) => void owned.delete(line),
  };

  function onCommand(command: ReplayCommand): void {
    const batch = readBatch(command.frame);
    if (batch === null) return;
    const known = relays.get(batch.line) ?? owned.get(batch.line);
    if (known !== undefined) return known.take(batch.items);
    const line = openRemoteLine(ownerTools, batch);
    if (line !== null) owned.set(batch.line, line);
  }

  /** A store that is away at the start is asked again: without its commands nobody could reach the sessions of this router. */
  function listen(): Promise<void> {
    return store.commands(self, onCommand).then(
      (stop) => {
        listens = true;
        if (closed) stop();
        else stopCommands = stop;
      },
      (error: unknown) => {
        report(error);
        if (!closed) stopRetry = clock.at(clock.now() + LISTEN_AGAIN_MS, again);
      },
    );
  }
  function again(): void {
    listening = listen();
  }
  let listens = false;
  let stopRetry: (() => void) | undefined;
  let listening = listen();

  const forgetOwn = async (session: string, who: Principal, last: string | undefined): Promise<void> => {
    const now = last === undefined ? null : await store.attach(last, principalName(who));
    if (now !== null && now !== "forbidden" && now.owner === self) await store.forget(session);
  };
  const lastToken = new Map<string, string>();

  return {
    async publish(session, who, tokenIds) {
      await listening;
      // A session that is published and cannot be reached would count as one of a router that is lost.
      if (!listens)
        throw new AtpError("EOVERLOAD", "The store that routers share cannot be reached. Connect again later.", {
          retryAfterMs: LISTEN_AGAIN_MS,
        });
      await store.publish(session, principalName(who), self, tokenIds);
    },
    tokens(session, who, tokenIds) {
      const last = lastToken.get(session);
      const newest = tokenIds.at(-1);
      if (newest === undefined) {
        lastToken.delete(session);
        // A router that goes leaves its sessions to those that stay.
        if (!closed) forgetOwn(session, who, last).catch(report);
        return;
      }
      lastToken.set(session, newest);
      store.publish(session, principalName(who), self, tokenIds).catch(report);
    },
    kept(session, stream, { seq, parts, end }) {
      const write = store
        .append({ session, stream }, { seq, data: packParts(parts), end }, tools.retentionBytes)
        .catch(report)
        .finally(() => writes.delete(write));
      writes.add(write);
    },
    acked(session, stream, seq) {
      store.trim({ session, stream }, seq).catch(report);
    },
    attach: (tokenId, who) => store.attach(tokenId, principalName(who)),
    relay(at, socket, open, answer) {
      const line = rng.hex(12);
      const relay = openRelay(
        { store, self, clock, silence, gone: (gone) => void relays.delete(gone) },
        line,
        at,
        socket,
        open,
        answer,
      );
      relays.set(line, relay);
      return relay;
    },
    lost: (session, label, asked) =>
      Promise.all(
        asked.map(async ({ stream_id: streamId, last_seq: lastSeq }) => {
          const { entries } = await store.read({ session, stream: `${label}/${streamId}` }, lastSeq);
          return {
            streamId,
            lastSeq,
            kept: entries.map(({ seq, data, end }) => ({ seq, parts: unpackParts(data), end })),
          };
        }),
      ),
    lines: () => owned.values(),
    written: async () => void (await Promise.all(writes)),
    close() {
      closed = true;
      stopRetry?.();
      stopCommands?.();
    },
  };
}

function principalName({ tenant, subject }: Principal): string {
  return JSON.stringify([tenant, subject]);
}
