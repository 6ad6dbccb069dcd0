import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { httpMemory } from "../../src/node/http-memory.js";
import { systemClock } from "../../src/runtime/index.js";

const clock = systemClock();
const soon = () => ({ deadlineAt: clock.now() + 10_000 });

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway that keeps part C's contract as far as a router uses it, and notes what it was asked. */
async function gateway(): Promise<{ url: string; asked: string[]; objects: Map<string, unknown> }> {
  const asked: string[] = [];
  const objects = new Map<string, unknown>();
  const url = await serve((request, response) => {
    const { method = "", url: path = "" } = request;
    asked.push(`${method} ${path} ${request.headers.authorization ?? "-"}`);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      if (path === "/healthz") {
        response.end("{}");
      } else if (method === "PUT") {
        objects.set(path, (JSON.parse(Buffer.concat(chunks).toString()) as { object: unknown }).object);
        response.writeHead(201).end('{"etag":"1"}');
      } else if (objects.has(path)) {
        response.end(JSON.stringify({ object: objects.get(path) }));
      } else {
        response.writeHead(404).end('{"error":{}}');
      }
    });
  });
  return { url, asked, objects };
}

describe("httpMemory", () => {
  it("C2: writes an object and reads it back, whatever JSON it is", async () => {
    const { url, asked } = await gateway();
    const memory = httpMemory({ url: `${url}/`, token: "secret" });
    for (const object of [{ a: [1, null, "\u{1f4a5}"] }, "text", 0, false, null]) {
      await memory.put("acme/docs/s1", "key", object, soon());
      expect(await memory.get("acme/docs/s1", "key", soon())).toEqual(object);
    }
    expect(asked[0]).toBe("PUT /v1/memory/acme/docs/s1/key Bearer secret");
    expect(asked[1]).toBe("GET /v1/memory/acme/docs/s1/key Bearer secret");
  });

  it("an object that is not there is undefined", async () => {
    const { url } = await gateway();
    expect(await httpMemory({ url }).get("acme", "nothing", soon())).toBeUndefined();
  });

  it.each([
    ["acme/../other", "key"],
    ["acme/./docs", "key"],
    ["acme", ".."],
    ["acme", "."],
    ["acme", "../other/key"],
    ["acme", "%2e%2e"],
    ["acme//docs", "key"],
    ["acme", ""],
    ["", "key"],
    ["acme", "a?b=c"],
    ["acme", "a#b"],
    ["acme\\..\\other", "key"],
    ["acme", "k".repeat(129)],
  ])("A3, C2.1-3: never asks for %j %j, which would lead elsewhere", async (namespace, key) => {
    const { url, asked } = await gateway();
    const memory = httpMemory({ url });
    await expect(memory.get(namespace, key, soon())).rejects.toThrow("no segment of a memory path");
    await expect(memory.put(namespace, key, {}, soon())).rejects.toThrow("no segment of a memory path");
    expect(asked).toEqual([]);
  });

  it.each([400, 403, 412, 500, 503])("throws when the gateway answers %i", async (code) => {
    const url = await serve((_request, response) => void response.writeHead(code).end("{}"));
    const memory = httpMemory({ url });
    await expect(memory.get("acme", "key", soon())).rejects.toThrow(String(code));
    await expect(memory.put("acme", "key", 1, soon())).rejects.toThrow(String(code));
    expect(await memory.ready?.()).toBe(false);
  });

  it("takes its token to no other place", async () => {
    const other = await gateway();
    const url = await serve((_request, response) => void response.writeHead(307, { location: other.url }).end());
    const memory = httpMemory({ url, token: "secret" });
    await expect(memory.get("acme", "key", soon())).rejects.toThrow();
    await expect(memory.put("acme", "key", 1, soon())).rejects.toThrow();
    expect(other.asked).toEqual([]);
  });

  it.each(["<html>", "", "{}", "null", "[]", '"object"'])("throws what is no object of memory: %j", async (body) => {
    const url = await serve((_request, response) => void response.end(body));
    await expect(httpMemory({ url }).get("acme", "key", soon())).rejects.toThrow();
  });

  it("gives up at its deadline and when its signal says so", async () => {
    const abort = new AbortController();
    const url = await serve(() => abort.abort());
    const memory = httpMemory({ url });
    await expect(memory.get("acme", "key", { deadlineAt: clock.now() + 40 })).rejects.toThrow(/timeout/);
    await expect(memory.get("acme", "key", { deadlineAt: Infinity, signal: abort.signal })).rejects.toThrow(/abort/);
  });

  it("is ready when the gateway is, and throws when nobody is there", async () => {
    const { url } = await gateway();
    expect(await httpMemory({ url }).ready?.()).toBe(true);
    await expect(httpMemory({ url: "http://127.0.0.1:9" }).ready?.()).rejects.toThrow();
  });
});
