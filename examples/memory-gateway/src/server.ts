/**
 * The gateway on a port.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { createMemoryGateway } from "./app.js";

/** A running gateway. */
export interface RunningGateway {
  /** `http://host:port` */
  readonly url: string;
  /** Takes no new connection, lets requests finish for `drainMs`, then cuts what is left. */
  close(drainMs?: number): Promise<void>;
}

/** Serves a gateway. @throws the system's error when the address cannot be bound */
export async function serveGateway(
  app: ReturnType<typeof createMemoryGateway>,
  host: string,
  port: number,
): Promise<RunningGateway> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const close = (drainMs = 10_000): Promise<void> =>
    new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      server.closeIdleConnections();
    });
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${String(bound)}`, close };
}
