import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createMetrics, listen } from "../../src/node/index.js";
import type { Listener, ListenOptions } from "../../src/node/index.js";
import { createRouter } from "../../src/runtime/index.js";
import type { Router, SocketHandler, SocketInfo, SocketPort } from "../../src/runtime/index.js";

/** A socket as the router saw it. */
class Seen implements SocketHandler {
  readonly events: unknown[] = [];
  #waiting: { when: () => boolean; resolve: () => void }[] = [];

  constructor(
    readonly port: SocketPort,
    readonly info: SocketInfo,
  ) {}

  text(data: string): void {
    this.#add({ text: data });
  }
  binary(data: Uint8Array): void {
    this.#add({ binary: [...data] });
  }
  alive(): void {
    this.#add("alive");
  }
  flushed(bufferedBytes: number): void {
    this.#add({ flushed: bufferedBytes });
  }
  closed(code: number, reason: string): void {
    this.#add({ closed: code, reason });
  }

  until(when: (events: readonly unknown[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ when: () => when(this.events), resolve });
      this.#wake();
    });
  }

  #add(event: unknown): void {
    this.events.push(event);
    this.#wake();
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ when, resolve }) => {
      if (when()) resolve();
      return !when();
    });
  }
}

let listener: Listener | undefined;
afterEach(async () => {
  await listener?.close();
  listener = undefined;
});

/** A listener whose router only records its sockets. */
async function recording(options: ListenOptions = {}): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const router = {
    ...createRouter({ adapters: [] }),
    connect(port: SocketPort, info: SocketInfo) {
      const socket = new Seen(port, info);
      seen.push(socket);
      return socket;
    },
  };
  listener = await listen(router, { port: 0, ...options });
  return { url: listener.url, seen };
}

async function real(options: ListenOptions = {}): Promise<string> {
  const router: Router = createRouter({ adapters: [] });
  onTestFinished(() => router.close());
  listener = await listen(router, { port: 0, ...options });
  return listener.url;
}

function client(url: string, subprotocols: string[] = [], headers: Record<string, string> = {}): WebSocket {
  const ws = new WebSocket(`${url.replace("http", "ws")}/ws`, subprotocols, { headers });
  ws.on("error", () => undefined);
  onTestFinished(() => ws.terminate());
  return ws;
}

const closeOf = async (ws: WebSocket): Promise<number> => ((await once(ws, "close")) as [number])[0];

describe("listen: WebSocket", () => {
  it("A1.2: speaks JSON with a client that offers it, and with one that offers nothing", async () => {
    const { url, seen } = await recording();
    for (const [i, offered] of [[], ["atp.v1+json"], ["atp.v9+cbor", "atp.v1+json"]].entries()) {
      const ws = client(url, offered);
      await once(ws, "open");
      expect(ws.protocol).toBe(offered.length === 0 ? "" : "atp.v1+json");
      expect(ws.extensions).toBe("");
      expect(seen[i]?.info).toEqual({ remote: "127.0.0.1", subprotocol: ws.protocol, credentials: {} });
    }
  });

  it("A1.2: echoes the first of names that nobody here speaks, so that a browser reads the close 4406", async () => {
    const { url, seen } = await recording();
    const ws = client(url, ["atp.v9+json", "other"]);
    const closed = closeOf(ws);
    await once(ws, "open");
    expect(ws.protocol).toBe("atp.v9+json");
    expect(await closed).toBe(4406);
    expect(seen).toHaveLength(0);
  });

  it("hands over text, bytes, pongs, the close and the credentials", async () => {
    const { url, seen } = await recording();
    const ws = client(url, [], { authorization: "Bearer t0ken" });
    await once(ws, "open");
    const [socket] = seen as [Seen];
    expect(socket.info.credentials).toEqual({ token: "t0ken" });
    ws.send("grüße");
    ws.send(Buffer.from([1, 2]));
    socket.port.ping();
    await socket.until((events) => events.length === 3);
    ws.close(3000, "enough");
    await socket.until((events) => events.length === 4);
    expect(socket.events).toEqual([{ text: "grüße" }, { binary: [1, 2] }, "alive", { closed: 3000, reason: "enough" }]);
  });

  it("sends all messages of one turn in one write, in order, and says so once", async () => {
    const { url, seen } = await recording();
    const { port } = new URL(url);
    const raw = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void raw.destroy());
    raw.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await once(raw, "data");
    const [socket] = seen as [Seen];
    for (let i = 0; i < 50; i++) socket.port.send(`message ${i}`);
    const [data] = (await once(raw, "data")) as [Buffer];
    expect(data.toString("latin1").match(/message \d+/g)).toEqual(Array.from({ length: 50 }, (_, i) => `message ${i}`));
    await socket.until((events) => events.length > 0);
    expect(socket.events).toEqual([{ flushed: 0 }]);
  });

  it("tells what waits for a slow reader, and again when it has left", async () => {
    const { url, seen } = await recording();
    const ws = client(url);
    await once(ws, "open");
    ws.pause();
    const [socket] = seen as [Seen];
    const size = 32 * 1024 * 1024;
    socket.port.send("x".repeat(size));
    await socket.until((events) => events.length > 0);
    expect((socket.events[0] as { flushed: number }).flushed).toBeGreaterThan(0);
    expect(socket.port.bufferedBytes()).toBeGreaterThan(0);
    ws.resume();
    await socket.until((events) => (events.at(-1) as { flushed?: number }).flushed === 0);
    expect(socket.port.bufferedBytes()).toBe(0);
  });

  it("stops and goes on reading", async () => {
    const { url, seen } = await recording();
    const ws = client(url);
    await once(ws, "open");
    const [socket] = seen as [Seen];
    socket.port.setReading(false);
    ws.send("later");
    // A whole request on another connection: what would come too early has time to.
    await fetch(`${url}/healthz`);
    expect(socket.events).toEqual([]);
    socket.port.setReading(true);
    await socket.until((events) => events.length === 1);
    expect(socket.events).toEqual([{ text: "later" }]);
  });

  it("A3.4: closes with 1009 above four frames' bytes, and hands over what is below", async () => {
    const { url, seen } = await recording({ maxFrameBytes: 1_024 });
    const ws = client(url);
    await once(ws, "open");
    ws.send("x".repeat(4_096));
    ws.send("x".repeat(4_097));
    expect(await closeOf(ws)).toBe(1009);
    const [socket] = seen as [Seen];
    await socket.until((events) => events.length === 2);
    expect(socket.events[0]).toEqual({ text: "x".repeat(4_096) });
  });

  it("lets what was just sent arrive before it closes", async () => {
    const { url, seen } = await recording();
    const ws = client(url);
    await once(ws, "open");
    const message = once(ws, "message");
    const closed = closeOf(ws);
    seen[0]?.port.send("last words");
    await listener?.close();
    expect(String((await message)[0])).toBe("last words");
    expect(await closed).toBe(4000);
  });

  it.each(["/", "/ws/", "/socket", "//"])("upgrades nothing at %s", async (path) => {
    const { url, seen } = await recording();
    const ws = new WebSocket(`${url.replace("http", "ws")}${path}`);
    onTestFinished(() => ws.terminate());
    expect(String(((await once(ws, "error")) as [Error])[0])).toContain("404");
    expect(seen).toHaveLength(0);
  });
});

/** A plain request with headers that `fetch` would not send. */
function ask(
  url: string,
  { method = "GET", body = "", ...headers }: Record<string, string> = {},
): Promise<{ status: number; json: Record<string, never>; headers: IncomingMessage["headers"] }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      let text = "";
      response.on("data", (data: Buffer) => {
        text += data.toString();
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          json: (text === "" ? {} : JSON.parse(text)) as Record<string, never>,
          headers: response.headers,
        }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

describe("listen: Host and Origin (A1.3)", () => {
  const rows: [string, Record<string, string>, boolean][] = [
    ["no Origin", {}, true],
    ["its own Origin", { origin: "http://127.0.0.1:PORT" }, true],
    ["a loopback Origin of another port", { origin: "http://localhost:3000" }, true],
    ["a listed Origin", { origin: "https://app.example.com" }, true],
    ["a listed Host", { host: "router.lan:7443" }, true],
    ["the Origin null", { origin: "null" }, false],
    ["a foreign Origin", { origin: "https://evil.example" }, false],
    ["a listed Origin's sibling", { origin: "https://app.example.com.evil.example" }, false],
    ["an Origin that is no URL", { origin: "evil" }, false],
    ["a foreign Host", { host: "evil.example" }, false],
    [
      "a foreign Host with its own Origin (DNS rebinding)",
      { host: "evil.example", origin: "http://evil.example" },
      false,
    ],
  ];

  it.each(rows)("%s: %j passes: %s", async (_, given, passes) => {
    const { url, seen } = await recording({
      allowedOrigins: ["https://app.example.com"],
      allowedHosts: ["router.lan"],
    });
    const headers = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value.replace("PORT", new URL(url).port)]),
    );
    const answer = await ask(`${url}/v1/lanes`, headers);
    const ws = client(url, [], headers);
    if (passes) {
      expect(answer.status).toBe(200);
      await once(ws, "open");
      expect(seen).toHaveLength(1);
    } else {
      expect(answer).toMatchObject({ status: 403, json: { error: { code: "ESEC" } } });
      // Accepted first, so that a browser can read why.
      const closed = closeOf(ws);
      await once(ws, "open");
      expect(await closed).toBe(4403);
      expect(seen).toHaveLength(0);
    }
  });
});

describe("listen: HTTP (C1)", () => {
  it("answers what it has", async () => {
    const url = await real({ metrics: createMetrics() });
    expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200 });
    expect(await ask(`${url}/readyz`)).toMatchObject({ status: 503, json: { ok: false } });
    expect(await ask(`${url}/adapters/health`)).toMatchObject({ status: 200, json: { adapters: [] } });
    expect(await ask(`${url}/v1/lanes`)).toMatchObject({ status: 200 });
    expect(await ask(`${url}/v1/budgets`)).toMatchObject({ status: 200, json: { tenants: { default: {} } } });
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.headers.get("content-type")).toContain("text/plain");
    expect(await metrics.text()).toContain("# TYPE atp_streams_total counter");
  });

  it.each([
    ["an unknown path", "/v1/nothing", {}, 404, "ENOROUTE"],
    ["a path that is no URL", "//", {}, 404, "ENOROUTE"],
    ["a name of Object", "/constructor", {}, 404, "ENOROUTE"],
    ["a wrong method", "/v1/explain", {}, 405, "EPROTO"],
    ["a wrong method of a GET", "/healthz", { method: "DELETE" }, 405, "EPROTO"],
    ["a body that is no JSON", "/v1/explain", { method: "POST", body: "{" }, 400, "EPROTO"],
    ["a body without payload", "/v1/explain", { method: "POST", body: "{}" }, 400, "EPROTO"],
    ["a body that is an array", "/v1/explain", { method: "POST", body: "[]" }, 400, "EPROTO"],
    [
      "a lane that is none",
      "/v1/explain",
      { method: "POST", body: '{"qos":"x","payload":{"type":"t"}}' },
      400,
      "EPROTO",
    ],
    [
      "a forbidden key",
      "/v1/explain",
      { method: "POST", body: '{"meta":{"__proto__":{}},"payload":{"type":"t","content":{}}}' },
      400,
      "EPROTO",
    ],
    [
      "a body nested without end",
      "/v1/explain",
      { method: "POST", body: `{"payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}` },
      400,
      "EPROTO",
    ],
    ["a body over 1 MiB", "/v1/explain", { method: "POST", body: "x".repeat(1_100_000) }, 413, "ETOOBIG"],
  ])("%s: an error in the wire's form", async (_, path, headers, status, code) => {
    const url = await real();
    expect(await ask(`${url}${path}`, headers as Record<string, string>)).toMatchObject({
      status,
      json: { error: { code, message: expect.any(String) as string, retry: expect.any(String) as string } },
    });
    expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200 });
  });

  it("explains a question, or why there is no plan", async () => {
    const url = await real();
    const body = JSON.stringify({ payload: { type: "agent.request", content: { prompt: "p" } } });
    expect(await ask(`${url}/v1/explain`, { method: "POST", body })).toMatchObject({
      status: 502,
      json: { error: { code: "EAGENTDOWN" } },
    });
  });

  it("says where it cannot listen", async () => {
    const url = await real();
    const router = createRouter({ adapters: [] });
    onTestFinished(() => router.close());
    await expect(listen(router, { port: Number(new URL(url).port) })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
