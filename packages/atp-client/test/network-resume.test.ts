import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createRouter, systemClock } from "../../atp-router-core/src/index.js";
import type { Router } from "../../atp-router-core/src/index.js";
import { listen } from "../../atp-router-core/src/node/index.js";
import type { Listener } from "../../atp-router-core/src/node/index.js";
import { scriptedAdapter } from "../../atp-router-core/src/testing/index.js";
import type { ScriptedAdapter } from "../../atp-router-core/src/testing/index.js";
import { cbor } from "../src/cbor/index.js";
import { createClient } from "../src/index.js";
import type { AtpClient, ClientSocket, SocketFactory } from "../src/index.js";
import { platformSocket } from "../src/ports.js";

const words = Array.from({ length: 80 }, (_, i) => `x${i};`);

let router: Router;
let listener: Listener;
let adapter: ScriptedAdapter;
let client: AtpClient | undefined;
let closeProxy: (() => void) | undefined;

afterEach(async () => {
  await client?.close();
  closeProxy?.();
  await listener.close();
  await router.close();
});

/** A router behind a TCP relay whose connections can be destroyed at any byte. */
async function relayed(): Promise<{ url: string; sever: () => void; readonly connections: number }> {
  adapter = scriptedAdapter(systemClock(), {
    id: "a",
    answer: [...words.map((text) => ({ afterMs: 4, text })), { final: { confidence: 0.9 } }],
  });
  router = createRouter({ adapters: [adapter] });
  listener = await listen(router, { port: 0 });
  const { hostname, port } = new URL(listener.url);
  const pairs = new Set<readonly [Socket, Socket]>();
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const far = connect(Number(port), hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.pipe(to);
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sever = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  closeProxy = () => {
    sever();
    server.close();
  };
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
    sever,
    get connections() {
      return connections;
    },
  };
}

/** Notes what is offered and in what kind it is spoken; `knows` are the subprotocols that get through to the router. */
function noting(knows: RegExp): {
  socket: SocketFactory;
  readonly offered: (readonly string[])[];
  readonly sockets: ClientSocket[];
  readonly kinds: Set<string>;
} {
  const told = { offered: [] as (readonly string[])[], sockets: [] as ClientSocket[], kinds: new Set<string>() };
  const socket: SocketFactory = (url, protocols) => {
    told.offered.push(protocols);
    const made = platformSocket(
      url,
      protocols.filter((one) => knows.test(one)),
    );
    const send = made.send.bind(made);
    made.send = (data) => {
      told.kinds.add(typeof data);
      send(data);
    };
    told.sockets.push(made);
    return made;
  };
  return { socket, ...told };
}

const both = ["atp.v1+cbor", "atp.v1+json"];

describe("over a real network, in both versions of the wire (A1.2)", () => {
  it.each([
    { title: "JSON alone", codecs: [], knows: /./, first: ["atp.v1+json"], speaks: "atp.v1+json", kind: "string" },
    { title: "CBOR first", codecs: [cbor], knows: /./, first: both, speaks: "atp.v1+cbor", kind: "object" },
    {
      title: "CBOR first to a router that knows JSON alone",
      codecs: [cbor],
      knows: /json/,
      first: both,
      speaks: "atp.v1+json",
      kind: "string",
    },
  ])(
    "A8.1 A9.2 $title: a run whose connection is reset twice delivers each piece once, in order, and keeps its encoding",
    async ({ codecs, knows, first, speaks, kind }) => {
      const relay = await relayed();
      const { socket, offered, sockets, kinds } = noting(knows);
      client = createClient({ url: relay.url, retry: { baseMs: 20 }, codecs, socket });
      const run = client.stream("hi", { strategy: "single" });
      const read: string[] = [];
      const types: string[] = [];
      let severed = 0;
      for await (const event of run) {
        types.push(event.type);
        if (event.type !== "partial") continue;
        read.push(event.text);
        const wanted = ["x10;", "x40;"].filter((mark) => read.join("").includes(mark)).length;
        if (wanted > severed) {
          severed = wanted;
          relay.sever();
        }
      }
      expect(read.join("")).toBe(words.join(""));
      expect((await run.final()).answer).toBe(words.join(""));
      expect(types.filter((type) => type === "resumed")).toHaveLength(2);
      expect(types.filter((type) => type === "final")).toHaveLength(1);
      expect(relay.connections).toBe(3);
      expect(adapter.calls).toHaveLength(1);
      expect(offered).toEqual([first, [speaks], [speaks]]);
      expect(sockets.map(({ protocol }) => protocol)).toEqual([speaks, speaks, speaks]);
      expect([...kinds]).toEqual([kind]);
    },
  );
});
