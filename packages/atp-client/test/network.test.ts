import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { createClient } from "../src/index.js";
import type { AtpClient } from "../src/index.js";
import { ServedConnection } from "./support/memory-router.js";
import type { Script } from "./support/memory-router.js";
import { VirtualClock } from "./support/virtual-clock.js";

let server: WebSocketServer;
let client: AtpClient;
let script: Script;
let closes: number[];
let offered: string[][];

beforeEach(async () => {
  closes = [];
  offered = [];
  server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (protocols) => {
      offered.push([...protocols]);
      return "atp.v1+json";
    },
  });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (socket) => {
    const connection = new ServedConnection(new VirtualClock(), script);
    connection.client.onmessage = ({ data }) => {
      socket.send(data as string);
    };
    connection.client.onclose = ({ code, reason }) => {
      socket.close(code, reason);
    };
    socket.on("message", (data: Buffer) => {
      connection.client.send(data.toString("utf8"));
    });
    socket.on("close", (code) => closes.push(code));
    connection.open();
  });
  const { port } = server.address() as AddressInfo;
  client = createClient({ url: `ws://127.0.0.1:${port}/ws`, retry: { attempts: 2, baseMs: 1 } });
});
afterEach(async () => {
  await client.close();
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

describe("over a real WebSocket (A1)", () => {
  it("asks, answers, and closes with 1000", async () => {
    script = {
      opened: (stream) => {
        stream.accept().partial("a", 0, "grüße 😀").finish("done");
      },
    };
    const run = client.stream("hi");
    expect((await run.final()).answer).toBe("done");
    expect(run.text.get("a")).toBe("grüße 😀");
    expect(offered).toEqual([["atp.v1+json"]]);
    const closed = new Promise<void>((resolve) => {
      for (const socket of server.clients)
        socket.once("close", () => {
          resolve();
        });
    });
    await client.close();
    await closed;
    expect(closes).toEqual([1000]);
  });

  it("takes an answer larger than a frame whole (A6)", async () => {
    const answer = "x".repeat(1_000_000);
    script = {
      opened: (stream) => {
        stream.finish(answer);
      },
    };
    expect((await client.stream("hi").final()).answer).toBe(answer);
  });

  it("a connection that dies cuts", async () => {
    script = {
      opened: () => {
        for (const socket of server.clients) socket.terminate();
      },
    };
    await expect(client.stream("hi").final()).rejects.toMatchObject({ code: "ECUT", closeCode: 1006 });
  });

  it("nobody there: ECONNECT, with the reason", async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(client.stream("hi").final()).rejects.toMatchObject({
      code: "ECONNECT",
      processed: "no",
      message: expect.stringContaining(`:${port}`),
    });
  });
});
