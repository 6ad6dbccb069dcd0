import type { ReplayCommand, ReplayEntry, ReplayKey, ReplayStore } from "./store.js";

interface Buffer {
  entries: ReplayEntry[];
  bytes: number;
  /** Highest number that was ever appended, and highest that is gone for good without an ack. */
  lastSeq: number;
  lostSeq: number;
  readonly sinks: Set<(entry: ReplayEntry) => void>;
}

interface Session {
  readonly principal: string;
  readonly owner: string;
  readonly tokenIds: readonly string[];
  readonly streams: Map<string, Buffer>;
}

const sizeOf = (data: string | Uint8Array): number => data.length;

/** A store in this process's memory: for one router, and for tests of several in one process. */
export function createReplayMemory(): ReplayStore {
  const sessions = new Map<string, Session>();
  const byToken = new Map<string, string>();
  const listeners = new Map<string, (command: ReplayCommand) => void>();

  const bufferOf = (key: ReplayKey): Buffer | undefined => {
    const session = sessions.get(key.session);
    if (session === undefined) return undefined;
    let buffer = session.streams.get(key.stream);
    if (buffer === undefined) {
      buffer = { entries: [], bytes: 0, lastSeq: 0, lostSeq: 0, sinks: new Set() };
      session.streams.set(key.stream, buffer);
    }
    return buffer;
  };

  return {
    async publish(session, principal, owner, tokenIds) {
      const known = sessions.get(session);
      for (const id of known?.tokenIds ?? []) byToken.delete(id);
      for (const id of tokenIds) byToken.set(id, session);
      sessions.set(session, { principal, owner, tokenIds, streams: known?.streams ?? new Map<string, Buffer>() });
    },
    async attach(tokenId, principal) {
      const id = byToken.get(tokenId);
      const session = id === undefined ? undefined : sessions.get(id);
      if (id === undefined || session === undefined) return null;
      return session.principal === principal ? { session: id, owner: session.owner } : "forbidden";
    },
    async append(key, entry, retentionBytes) {
      const buffer = bufferOf(key);
      if (buffer === undefined) throw new Error(`no session ${key.session} was published`);
      if (entry.seq <= buffer.lastSeq) return;
      buffer.lastSeq = entry.seq;
      buffer.entries.push(entry);
      buffer.bytes += sizeOf(entry.data);
      while (buffer.bytes > retentionBytes && buffer.entries.length > 1) {
        const oldest = buffer.entries[0] as ReplayEntry;
        if (oldest.end) break;
        buffer.entries.shift();
        buffer.bytes -= sizeOf(oldest.data);
        buffer.lostSeq = oldest.seq;
      }
      for (const sink of buffer.sinks) sink(entry);
    },
    async read(key, after) {
      const buffer = bufferOf(key);
      if (buffer === undefined) return { entries: [], complete: false };
      return { entries: buffer.entries.filter((entry) => entry.seq > after), complete: buffer.lostSeq <= after };
    },
    async follow(key, after, sink) {
      const buffer = bufferOf(key);
      if (buffer === undefined) return () => undefined;
      for (const entry of buffer.entries) if (entry.seq > after) sink(entry);
      buffer.sinks.add(sink);
      return () => void buffer.sinks.delete(sink);
    },
    async trim(key, upTo) {
      const buffer = bufferOf(key);
      if (buffer === undefined) return;
      buffer.entries = buffer.entries.filter((entry) => entry.seq > upTo);
      buffer.bytes = buffer.entries.reduce((sum, entry) => sum + sizeOf(entry.data), 0);
    },
    async tell(owner, command) {
      const take = listeners.get(owner);
      take?.(command);
      return take !== undefined;
    },
    async commands(self, take) {
      listeners.set(self, take);
      return () => {
        if (listeners.get(self) === take) listeners.delete(self);
      };
    },
    async forget(session) {
      for (const id of sessions.get(session)?.tokenIds ?? []) byToken.delete(id);
      sessions.delete(session);
    },
  };
}
