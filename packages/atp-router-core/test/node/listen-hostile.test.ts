import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { listen } from "../../src/node/listen.js";
import type { ListenOptions } from "../../src/node/listen.js";
import { createRouter } from "../../src/runtime/index.js";

/** A listener in front of a real router; the test fails when it is not up at the end. */
async function started(options: ListenOptions = {}): Promise<string> {
  const router = createRouter({ adapters: [] });
  const listener = await listen(router, { port: 0, ...options });
  onTestFinished(async () => {
    await listener.close();
    await router.close();
  });
  return listener.url.replace("0.0.0.0", "127.0.0.1");
}

const up = async (url: string): Promise<boolean> => (await fetch(`${url}/healthz`)).ok;

/** Sends a request line and headers byte for byte; the status and the whole answer. */
function raw(
  url: string,
  line: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const all = { host: `${hostname}:${port}`, connection: "close", ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${line} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
    let text = "";
    socket.setEncoding("utf8").on("data", (data: string) => {
      text += data;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }));
  });
}

function dial(url: string, headers: Readonly<Record<string, string>> = {}): WebSocket {
  const ws = new WebSocket(`${url.replace("http", "ws")}/ws`, { headers });
  ws.on("error", () => undefined);
  onTestFinished(() => ws.terminate());
  return ws;
}

const closeOf = async (ws: WebSocket): Promise<number> => ((await once(ws, "close")) as [number])[0];

describe("what a listener is sent by those who mean harm", () => {
  it.each(["//", "//[", "*", "http://[", `/${"x".repeat(5_000)}`])(
    "the target %s is not found, and not repeated at length",
    async (target) => {
      const url = await started();
      const answer = await raw(url, `GET ${target}`);
      expect(answer.status).toBe(404);
      expect(answer.text.length).toBeLessThan(1_000);
      expect(await up(url)).toBe(true);
    },
  );

  it.each(["//", "//[", "http://[", "/ws/../x"])("an upgrade at %s is refused", async (target) => {
    const url = await started();
    const answer = await raw(url, `GET ${target}`, {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    expect(answer.status).toBe(404);
    expect(await up(url)).toBe(true);
  });

  it.each([
    ["an Origin too long for a close reason", { origin: "\u00e9".repeat(300) }],
    ["a Host too long for a close reason", { host: "\u00e9".repeat(300) }],
  ])("A1.3: %s is refused like any other", async (_name, headers) => {
    const url = await started();
    expect(await closeOf(dial(url, headers))).toBe(4403);
    expect((await raw(url, "GET /v1/lanes", headers)).status).toBe(403);
    expect(await up(url)).toBe(true);
  });

  it("A1.3: bound beyond loopback, its own origin passes and a page of the visitor's machine does not", async () => {
    const url = await started({ host: "0.0.0.0" });
    const host = "router.example";
    const own = dial(url, { host, origin: `https://${host}` });
    await once(own, "open");
    expect(await closeOf(dial(url, { host, origin: "http://localhost:3000" }))).toBe(4403);
    expect(own.readyState).toBe(WebSocket.OPEN);
  });

  it("A3.4: text that is no UTF-8 closes with 1007", async () => {
    const url = await started();
    const ws = dial(url);
    await once(ws, "open");
    ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await closeOf(ws)).toBe(1007);
    expect(await up(url)).toBe(true);
  });

  it("reads a body far over the limit to its end, so that its sender reads why", async () => {
    const url = await started();
    const answer = await fetch(`${url}/v1/explain`, { method: "POST", body: "x".repeat(16_000_000) });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: { code: "ETOOBIG", details: { limit: 1_048_576 } } });
    expect(await up(url)).toBe(true);
  });

  it("tells where it listens by IPv6", async () => {
    const url = await started({ host: "::1" });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await up(url)).toBe(true);
  });
});
