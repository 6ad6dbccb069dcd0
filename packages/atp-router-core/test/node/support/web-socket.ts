import { WebSocket } from "ws";

/** A WebSocket client that keeps what it heard. */
export interface Peer {
  readonly ws: WebSocket;
  readonly texts: string[];
  /** Resolves when the socket opened. */
  readonly opened: Promise<void>;
  /** How it closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  until(when: (texts: readonly string[]) => boolean): Promise<void>;
}

/** Connects to a listener's `/ws`. */
export function dial(
  url: string,
  options: { readonly protocols?: string[]; readonly headers?: Record<string, string>; readonly path?: string } = {},
): Peer {
  const ws = new WebSocket(`${url.replace("http", "ws")}${options.path ?? "/ws"}`, options.protocols ?? [], {
    headers: options.headers ?? {},
  });
  const texts: string[] = [];
  const waiting: (() => void)[] = [];
  ws.on("message", (data: Buffer) => {
    texts.push(data.toString());
    for (const look of waiting) look();
  });
  const opened = new Promise<void>((resolve, reject) => {
    ws.once("open", () => resolve());
    ws.once("error", reject);
  });
  // A test that only waits for the close does not care that the socket never opened.
  opened.catch(() => undefined);
  ws.on("error", () => undefined);
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  const until = (when: (texts: readonly string[]) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (when(texts)) resolve();
      };
      waiting.push(look);
      look();
    });
  return { ws, texts, opened, closed, until };
}
