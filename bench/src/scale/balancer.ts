/**
 * A plain TCP balancer in a process of its own: it knows nothing of HTTP, of sessions or of health. Each connection goes to the next
 * backend in turn that takes it. On request it breaks connections at random.
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { serveControl, tellReady } from "../harness/control.js";

/** What went through it. */
export interface Balanced {
  /** Connections by backend port. */
  readonly taken: Readonly<Record<number, number>>;
  readonly broken: number;
}

let backends: readonly number[] = [];
let turn = 0;
let broken = 0;
const taken: Record<number, number> = {};
const pairs = new Set<readonly [Socket, Socket]>();

function join(front: Socket, back: Socket): void {
  const pair = [front, back] as const;
  pairs.add(pair);
  const over = (): void => {
    pairs.delete(pair);
    front.destroy();
    back.destroy();
  };
  for (const socket of pair) socket.on("error", over).on("close", over);
  front.pipe(back).pipe(front);
}

/** Tries each backend once, from the next in turn. */
function place(front: Socket, tries: number): void {
  const port = backends[turn++ % backends.length];
  if (port === undefined || tries === 0) {
    front.destroy();
    return;
  }
  const back = connect({ port, host: "127.0.0.1", noDelay: true });
  const refused = (): void => place(front, tries - 1);
  back.once("error", refused);
  back.once("connect", () => {
    back.removeListener("error", refused);
    taken[port] = (taken[port] ?? 0) + 1;
    join(front, back);
  });
}

const server = createServer({ noDelay: true }, (front) => {
  front.on("error", () => front.destroy());
  place(front, backends.length);
});

serveControl({
  backends: (ports: readonly number[]) => {
    backends = ports;
  },
  /** Breaks a share of what is connected, without a word. */
  breakSome: (share: number) => {
    for (const [front, back] of [...pairs]) {
      if (Math.random() >= share) continue;
      broken++;
      front.resetAndDestroy();
      back.resetAndDestroy();
    }
  },
  balanced: (): Balanced => ({ taken, broken }),
});
server.listen(0, "127.0.0.1", () => tellReady((server.address() as AddressInfo).port));
