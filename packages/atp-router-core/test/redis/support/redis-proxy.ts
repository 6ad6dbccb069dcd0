import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A TCP proxy in front of a server, whose replies a test delays or loses. */
export interface RedisProxy {
  readonly url: string;
  /** Replies wait until `release`. */
  hold(): void;
  release(): void;
  /** Replies take so long. */
  delayMs: number;
  /** The next reply is lost with its connection, after the server did what it was asked. Resolves when it is gone. */
  loseReply(): Promise<void>;
  /** Takes `loseReply` back. */
  keepReply(): void;
  close(): Promise<void>;
}

/** Starts a proxy in front of a port of this machine. */
export async function startProxy(port: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let holding = false;
  let lost: (() => void) | undefined;
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => {
      if (lost !== undefined) {
        const tell = lost;
        lost = undefined;
        client.destroy();
        tell();
        return;
      }
      const pass = (): void => void client.write(data);
      if (holding) held.push(pass);
      else if (control.delayMs > 0) setTimeout(pass, control.delayMs);
      else pass();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const control: RedisProxy = {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    delayMs: 0,
    hold() {
      holding = true;
    },
    release() {
      holding = false;
      for (const pass of held.splice(0)) pass();
    },
    loseReply: () => new Promise((resolve) => (lost = resolve)),
    keepReply() {
      lost = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return control;
}
