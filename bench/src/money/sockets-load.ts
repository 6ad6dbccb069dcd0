/** Asks many questions at once over WebSockets and says how each ended. */
import { WebSocket } from "ws";

/** How the questions of one router ended. */
export interface Ends {
  /** Answers in full. */
  readonly served: number;
  /** Refusals, by error code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Questions whose socket closed before they ended. */
  readonly lost: number;
}

const PER_SOCKET = 50;

interface Frame {
  readonly stream_id?: string;
  readonly flags?: readonly string[];
  readonly payload?: { readonly content?: { readonly ok?: boolean; readonly code?: string } };
}

/** A SYN as any client sends it. */
function syn(session: string, stream: string, deadlineMs: number): string {
  return JSON.stringify({
    v: 1,
    session_id: session,
    stream_id: stream,
    msg_seq: 1,
    frag_seq: 0,
    flags: ["SYN"],
    qos: "silver",
    ttl: 8,
    window: { max_parallel: 1, max_tokens: 10_000, max_usd_micros: 1_000_000 },
    meta: { task_type: "race", strategy: "single", deadline_ms: deadlineMs, tool_permissions: [], data_scope: [] },
    payload: { type: "agent.request", content: { prompt: "Is it?" } },
  });
}

async function ask(port: number, session: string, count: number, deadlineMs: number, overMs: number): Promise<Ends> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  await new Promise<void>((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const open = new Set<string>();
  let served = 0;
  const refused: Record<string, number> = {};
  return new Promise((resolve) => {
    const over = (): void => {
      resolve({ served, refused, lost: open.size });
      socket.close();
    };
    socket.on("message", (data) => {
      const frame = JSON.parse((data as Buffer).toString("utf8")) as Frame;
      const { stream_id: stream = "", flags = [], payload } = frame;
      if (!(flags.includes("FIN") || flags.includes("RST")) || !open.delete(stream)) return;
      if (flags.includes("FIN") && payload?.content?.ok === true) served++;
      else {
        const code = payload?.content?.code ?? "none";
        refused[code] = (refused[code] ?? 0) + 1;
      }
      if (open.size === 0) over();
    });
    socket.on("close", over);
    socket.on("error", over);
    for (let i = 0; i < count; i++) {
      open.add(`st${i}`);
      const send = (): void => {
        if (socket.readyState === WebSocket.OPEN) socket.send(syn(session, `st${i}`, deadlineMs));
      };
      if (overMs === 0) send();
      else setTimeout(send, (i * overMs) / count);
    }
  });
}

/**
 * Asks `calls` questions, evenly over the routers; one result a router.
 * @param overMs the time in which they come, each router's as many as another's; 0: at once
 */
export async function race(
  ports: readonly number[],
  calls: number,
  name: string,
  deadlineMs: number,
  overMs = 0,
): Promise<readonly Ends[]> {
  const perRouter = calls / ports.length;
  return Promise.all(
    ports.map(async (port, r) => {
      const sockets = Array.from({ length: perRouter / PER_SOCKET }, (_, s) =>
        ask(port, `${name}-${r}-${s}`, PER_SOCKET, deadlineMs, overMs),
      );
      return sum(await Promise.all(sockets));
    }),
  );
}

/** All ends together. */
export function sum(all: readonly Ends[]): Ends {
  const refused: Record<string, number> = {};
  for (const ends of all)
    for (const [code, n] of Object.entries(ends.refused)) refused[code] = (refused[code] ?? 0) + n;
  return {
    served: all.reduce((n, e) => n + e.served, 0),
    refused,
    lost: all.reduce((n, e) => n + e.lost, 0),
  };
}
