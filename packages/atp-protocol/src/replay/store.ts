/** A stream inside a session; `session` is the epoch, not the label on the wire. */
export interface ReplayKey {
  readonly session: string;
  readonly stream: string;
}

/** One numbered message as it was first encoded. */
export interface ReplayEntry {
  readonly seq: number;
  readonly data: string | Uint8Array;
  /** FIN or RST: never evicted. */
  readonly end: boolean;
}

/** What a router learns when a client shows a token. */
export interface Attachment {
  readonly session: string;
  /** The router that runs the session's calls. */
  readonly owner: string;
}

/** What another router asks of the owner: acks, credit, input and cancel of a client that is attached there. */
export interface ReplayCommand {
  readonly key: ReplayKey;
  /** The client's frame, as parsed. */
  readonly frame: unknown;
}

/**
 * Replay buffers, ownership and commands of sessions, shared by routers (A9.2, A9.3). Asynchronous even in memory, so that a
 * networked store fits. Every method rejects with an error when the store cannot be reached; nothing is half done.
 */
export interface ReplayStore {
  /**
   * Makes `tokenIds` the only names by which the session can be resumed, bound to its principal and owner. Ids are hashes:
   * no store keeps a token.
   */
  publish(session: string, principal: string, owner: string, tokenIds: readonly string[]): Promise<void>;
  /**
   * Finds a session by a token's id.
   * @returns null when unknown or expired; `forbidden` when another principal shows it (`ESEC`).
   */
  attach(tokenId: string, principal: string): Promise<Attachment | null | "forbidden">;
  /** Appends a message; beyond `retentionBytes` the oldest that are no end are evicted. Repeating a `seq` changes nothing. */
  append(key: ReplayKey, entry: ReplayEntry, retentionBytes: number): Promise<void>;
  /** All kept messages above `after`, in order. `complete` is false when an older one that was asked for is gone. */
  read(
    key: ReplayKey,
    after: number,
  ): Promise<{ readonly entries: readonly ReplayEntry[]; readonly complete: boolean }>;
  /**
   * Delivers all kept messages above `after`, then each one as it is appended, in order and once.
   * @returns a function that stops it.
   */
  follow(key: ReplayKey, after: number, sink: (entry: ReplayEntry) => void): Promise<() => void>;
  /** Drops what the client acknowledged. */
  trim(key: ReplayKey, upTo: number): Promise<void>;
  /** Queues a command for the owner. @returns false when nobody listens there: the owner is lost. */
  tell(owner: string, command: ReplayCommand): Promise<boolean>;
  /** Takes the commands for a router. @returns a function that stops it. */
  commands(self: string, take: (command: ReplayCommand) => void): Promise<() => void>;
  /** Forgets a session, its streams and its tokens. */
  forget(session: string): Promise<void>;
}
