import { startChild } from "../harness/children.js";
import { progress } from "../harness/report.js";

/** Connections that come first, so that what is made once is no session's. */
const FIRST = 200;
const CONNECTIONS = 1_000;

/** Bytes of heap for one idle connection, by round. */
export interface IdleRounds {
  readonly floor: readonly number[];
  readonly endpoint: readonly number[];
  readonly router: readonly number[];
}

const variants = {
  floor: { path: "baselines/wire/idle-server.mjs", args: ["idle"], hello: false },
  endpoint: { path: "dist/bench-wire-server.js", args: [], hello: true },
  router: { path: "dist/bench-wire-idle.js", args: [], hello: true },
} as const;

async function heapPerConnection({ path, args, hello }: (typeof variants)[keyof typeof variants]): Promise<number> {
  const load = await startChild("dist/bench-wire-load.js");
  try {
    const server = await startChild(path, args, ["--expose-gc"]);
    try {
      const open = (connections: number): Promise<unknown> =>
        load.call("idle", { port: server.port, connections, hello });
      const heap = async (): Promise<number> => (await server.call<{ heapUsed: number }>("mem")).heapUsed;
      await open(FIRST);
      const before = await heap();
      await open(CONNECTIONS);
      return ((await heap()) - before) / CONNECTIONS;
    } finally {
      await server.stop();
    }
  } finally {
    await load.stop();
  }
}

/** A bare socket, an endpoint on it, and the whole router, each in a new process every round. */
export async function idleRounds(rounds: number): Promise<IdleRounds> {
  const floor: number[] = [];
  const endpoint: number[] = [];
  const router: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floor.push(await heapPerConnection(variants.floor));
    endpoint.push(await heapPerConnection(variants.endpoint));
    router.push(await heapPerConnection(variants.router));
  }
  progress(`idle: ${floor.length} rounds of ${CONNECTIONS} connections`);
  return { floor, endpoint, router };
}
