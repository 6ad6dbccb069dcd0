import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryGateway } from "../src/app.js";
import { InMemoryStore } from "../src/in-memory-store.js";
import { type RunningGateway, serveGateway } from "../src/server.js";

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

let now = 1_000_000;
const store = new InMemoryStore({ now: () => now });
const defects: unknown[] = [];
let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await serveGateway(
    createMemoryGateway({ store, onDefect: (_id, thrown) => defects.push(thrown) }),
    "127.0.0.1",
    0,
  );
});
afterAll(async () => {
  await gateway.close(0);
  expect(defects).toEqual([]);
});

/** A request whose path and headers go out as they are: `fetch` would tidy them up. */
function send(
  method: string,
  path: string,
  options: { body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: "127.0.0.1", port, method, path, headers: { ...options.headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString("utf8"),
          }),
        );
      },
    );
    request.on("error", reject);
    request.end(options.body);
  });
}

const put = (path: string, object: unknown, headers: Record<string, string> = {}, query = "") =>
  send("PUT", `/v1/memory/${path}${query}`, { body: JSON.stringify({ object }), headers });
const get = (path: string, headers: Record<string, string> = {}) => send("GET", `/v1/memory/${path}`, { headers });
const errorCode = (answer: Answer) => (JSON.parse(answer.body) as { error: { code: string; message: string } }).error;

describe("objects (part C)", () => {
  it.each([
    ["an object", { a: 1, nested: { list: [true, null, "é😀"] } }],
    ["a string", "text"],
    ["a number", 1.5],
    ["null", null],
    ["an array", []],
  ])("keeps %s and gives it back", async (name, object) => {
    const path = `tenant/acme/session/s1/${name.replace(" ", "-")}`;
    const written = await put(path, object);
    expect(written.status).toBe(201);
    const read = await get(path);
    expect(read.status).toBe(200);
    expect(read.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(read.body)).toEqual({ object });
    expect(read.headers["etag"]).toBe(written.headers["etag"]);
    expect(read.headers["etag"]).toBe(`"${(JSON.parse(written.body) as { etag: string }).etag}"`);
  });

  it("a second write replaces, with a new version", async () => {
    const first = await put("t/p/s/twice", 1);
    const second = await put("t/p/s/twice", 2);
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.headers["etag"]).not.toBe(first.headers["etag"]);
    expect(JSON.parse((await get("t/p/s/twice")).body)).toEqual({ object: 2 });
  });

  it("DELETE removes, once", async () => {
    await put("t/gone", 1);
    expect(await send("DELETE", "/v1/memory/t/gone")).toMatchObject({ status: 204, body: "" });
    expect((await get("t/gone")).status).toBe(404);
    expect((await send("DELETE", "/v1/memory/t/gone")).status).toBe(404);
  });

  it("a namespace and a longer one with the same joint do not mix", async () => {
    await put("a/b/c", "long");
    expect(errorCode(await get("a/b"))).toMatchObject({ code: "ENOTFOUND" });
  });

  it("undoes escapes once: %61 is a", async () => {
    await put("t/%61bc", 1);
    expect((await get("t/abc")).status).toBe(200);
  });

  it("GET /healthz answers", async () => {
    expect(await send("GET", "/healthz")).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  it("HEAD gives the version without the object", async () => {
    await put("t/head", 1);
    const head = await send("HEAD", "/v1/memory/t/head");
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers["etag"]).toBeDefined();
  });
});

describe("paths (part C)", () => {
  it.each([
    ["a dot segment", "t/./k"],
    ["two dots", "t/../k"],
    ["two dots at the end", "t/k/.."],
    ["escaped dots", "t/%2e%2e/k"],
    ["half escaped dots", "t/.%2E/k"],
    ["dots that would leave the prefix", "../../healthz"],
    ["an escaped slash", "t/a%2Fb"],
    ["an escape undone twice", "t/%252e%252e/k"],
    ["an empty segment", "t//k"],
    ["a trailing slash", "t/k/"],
    ["a space", "t/a%20b"],
    ["a letter outside the set", "t/%C3%A9"],
    ["a broken escape", "t/%zz"],
    ["a half UTF-8 escape", "t/%ff"],
    ["a zero byte", "t/%00"],
    ["a key without a namespace", "k"],
    ["nothing", ""],
    ["a segment of 129", `t/${"a".repeat(129)}`],
    ["33 segments", Array.from({ length: 33 }, () => "a").join("/")],
  ])("refuses %s in every method", async (_name, path) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await send(method, `/v1/memory/${path}`, method === "PUT" ? { body: '{"object":1}' } : {});
      expect([method, answer.status]).toEqual([method, 400]);
      expect(errorCode(answer).code).toBe("EPROTO");
    }
  });

  it.each(["tenant/project/session/key", "T-1/a_b/c.d/...", `t/${"a".repeat(128)}`])("takes %s", async (path) => {
    expect((await put(path, 1)).status).toBe(201);
    expect((await get(path)).status).toBe(200);
  });

  it("knows no other paths and methods", async () => {
    expect(errorCode(await send("GET", "/v2/x")).code).toBe("ENOTFOUND");
    const patched = await send("PATCH", "/v1/memory/t/k");
    expect(patched).toMatchObject({ status: 405, headers: { allow: "GET, HEAD, PUT, DELETE" } });
    expect(errorCode(patched).code).toBe("EMETHOD");
  });
});

describe("bodies (part C)", () => {
  const mebibyte = 1_048_576;
  const sized = (bytes: number) => `{"object":"${"x".repeat(bytes - 13)}"}`;

  it("takes 1 MiB and refuses a byte more, announced or not", async () => {
    expect(sized(mebibyte)).toHaveLength(mebibyte);
    expect((await send("PUT", "/v1/memory/t/big", { body: sized(mebibyte) })).status).toBe(201);
    const announced = await send("PUT", "/v1/memory/t/bigger", { body: sized(mebibyte + 1) });
    expect([announced.status, errorCode(announced).code]).toEqual([413, "ETOOBIG"]);
    const chunked = await send("PUT", "/v1/memory/t/bigger", {
      body: sized(mebibyte + 1),
      headers: { "transfer-encoding": "chunked" },
    });
    expect([chunked.status, errorCode(chunked).code]).toEqual([413, "ETOOBIG"]);
    expect((await get("t/bigger")).status).toBe(404);
  });

  const deep = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  it.each<[string, string | Buffer]>([
    ["nothing", ""],
    ["not JSON", "{"],
    ["no object member", '{"value":1}'],
    ["an array", "[]"],
    ["null", "null"],
    ["an inherited member only", '{"toString":1}'],
    ["__proto__ inside", '{"object":{"__proto__":{"a":1}}}'],
    ["nesting over 64", `{"object":${deep(64)}}`],
    ["a lone surrogate", '{"object":"\\ud800"}'],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["a ttl_s of 0", '{"object":1,"ttl_s":0}'],
    ["a ttl_s with a fraction", '{"object":1,"ttl_s":1.5}'],
    ["a ttl_s as text", '{"object":1,"ttl_s":"5"}'],
    ["a ttl_s over a year", '{"object":1,"ttl_s":31536001}'],
  ])("refuses %s", async (_name, body) => {
    const answer = await send("PUT", "/v1/memory/t/bad", { body });
    expect([answer.status, errorCode(answer).code]).toEqual([400, "EPROTO"]);
    expect((await get("t/bad")).status).toBe(404);
  });

  it("takes nesting of 64", async () => {
    expect((await send("PUT", "/v1/memory/t/deep", { body: `{"object":${deep(63)}}` })).status).toBe(201);
  });

  it.each(["?ttl_s=0", "?ttl_s=x", "?ttl_s=-1", "?ttl_s="])("refuses %s", async (query) => {
    expect((await put("t/bad", 1, {}, query)).status).toBe(400);
  });
});

describe("versions (part C)", () => {
  it("If-None-Match: * creates once", async () => {
    expect((await put("t/once", 1, { "if-none-match": "*" })).status).toBe(201);
    const again = await put("t/once", 2, { "if-none-match": "*" });
    expect([again.status, errorCode(again).code]).toEqual([412, "EPRECONDITION"]);
    expect(JSON.parse((await get("t/once")).body)).toEqual({ object: 1 });
  });

  it("If-Match writes and deletes only the version it names", async () => {
    const etag = String((await put("t/match", 1)).headers["etag"]);
    const next = await put("t/match", 2, { "if-match": etag });
    expect(next.status).toBe(200);
    expect((await put("t/match", 3, { "if-match": etag })).status).toBe(412);
    expect((await send("DELETE", "/v1/memory/t/match", { headers: { "if-match": etag } })).status).toBe(412);
    expect(JSON.parse((await get("t/match")).body)).toEqual({ object: 2 });
    const list = `"other", ${String(next.headers["etag"])}`;
    expect((await send("DELETE", "/v1/memory/t/match", { headers: { "if-match": list } })).status).toBe(204);
  });

  it("If-Match needs something there", async () => {
    expect((await put("t/none", 1, { "if-match": "*" })).status).toBe(412);
    expect((await put("t/none", 1, { "if-match": '"x"' })).status).toBe(412);
    expect((await get("t/none")).status).toBe(404);
  });

  it("a version is not given twice, even to the same content after a delete", async () => {
    const first = String((await put("t/aba", 1)).headers["etag"]);
    await send("DELETE", "/v1/memory/t/aba");
    await put("t/aba", 1);
    expect((await put("t/aba", 2, { "if-match": first })).status).toBe(412);
  });

  it("GET with If-None-Match says that nothing changed", async () => {
    const etag = String((await put("t/cached", 1)).headers["etag"]);
    expect(await get("t/cached", { "if-none-match": etag })).toMatchObject({ status: 304, body: "" });
    expect((await get("t/cached", { "if-none-match": `W/${etag}` })).status).toBe(304);
    expect((await get("t/cached", { "if-none-match": '"other"' })).status).toBe(200);
    expect((await get("t/cached", { "if-match": '"other"' })).status).toBe(412);
  });

  it("a weak version never matches a write", async () => {
    const etag = String((await put("t/weak", 1)).headers["etag"]);
    expect((await put("t/weak", 2, { "if-match": `W/${etag}` })).status).toBe(412);
  });

  it.each(["abc", '"a', '"a"b'])("refuses If-Match: %s", async (value) => {
    expect((await put("t/k", 1, { "if-match": value })).status).toBe(400);
  });
});

describe("ttl_s (part C)", () => {
  it.each([
    ["in the query", { query: "?ttl_s=5" }],
    ["in the body", { ttl: 5 }],
    ["in both, equal", { query: "?ttl_s=5", ttl: 5 }],
  ])(
    "%s: there until its last millisecond, gone after",
    async (name, { query = "", ttl }: { query?: string; ttl?: number }) => {
      const path = `t/ttl/${name.replaceAll(/[ ,]/g, "-")}`;
      const body = JSON.stringify({ object: "expiring zebra", ...(ttl === undefined ? {} : { ttl_s: ttl }) });
      expect((await send("PUT", `/v1/memory/${path}${query}`, { body })).status).toBe(201);
      now += 4_999;
      expect((await get(path)).status).toBe(200);
      now += 1;
      expect((await get(path)).status).toBe(404);
      const search = await send("POST", "/v1/memory/search", { body: '{"q":"zebra"}' });
      expect(JSON.parse(search.body)).toEqual({ results: [] });
      expect((await put(path, 1, { "if-none-match": "*" })).status).toBe(201);
    },
  );

  it("a write without one keeps for ever, also over an older one with it", async () => {
    await put("t/kept", 1, {}, "?ttl_s=1");
    await put("t/kept", 2);
    now += 1_000_000_000;
    expect((await get("t/kept")).status).toBe(200);
  });

  it("refuses two that differ", async () => {
    const answer = await send("PUT", "/v1/memory/t/ttl?ttl_s=5", { body: '{"object":1,"ttl_s":6}' });
    expect(answer.status).toBe(400);
  });
});

describe("search (part C)", () => {
  const search = async (body: unknown) => {
    const answer = await send("POST", "/v1/memory/search", { body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    return (
      JSON.parse(answer.body) as {
        results: { ns: string; key: string; score: number; etag: string; snippet: string }[];
      }
    ).results;
  };

  it("finds by words, best first, within a namespace and below", async () => {
    await put("find/p1/a", { note: "the giraffe ate the giraffe cake" });
    await put("find/p1/sub/b", { note: "one giraffe among many other animals of the wide savanna" });
    await put("find/p10/c", { note: "a giraffe too" });
    await put("find/p1/d", { note: "an elephant" });
    const hits = await search({ q: "giraffe", ns: "find/p1" });
    expect(hits.map(({ ns, key }) => `${ns}/${key}`)).toEqual(["find/p1/a", "find/p1/sub/b"]);
    expect(hits[0]?.snippet).toContain("giraffe");
    expect(`"${hits[0]?.etag ?? ""}"`).toBe((await get("find/p1/a")).headers["etag"]);
    expect(await search({ q: "giraffe" })).toHaveLength(3);
    expect(await search({ q: "giraffe", limit: 1 })).toHaveLength(1);
    expect(await search({ q: "giraffes" })).toHaveLength(3);
  });

  it("forgets what was replaced or deleted", async () => {
    await put("find/x", "walrus");
    await put("find/x", "penguin");
    expect(await search({ q: "walrus" })).toEqual([]);
    expect(await search({ q: "penguin" })).toHaveLength(1);
    await send("DELETE", "/v1/memory/find/x");
    expect(await search({ q: "penguin" })).toEqual([]);
  });

  it.each([
    ["no q", {}],
    ["an empty q", { q: "" }],
    ["a q of 1001", { q: "x".repeat(1_001) }],
    ["limit 0", { q: "a", limit: 0 }],
    ["limit 101", { q: "a", limit: 101 }],
    ["a bad ns", { q: "a", ns: "t/../x" }],
  ])("refuses %s", async (_name, body) => {
    const answer = await send("POST", "/v1/memory/search", { body: JSON.stringify(body) });
    expect([answer.status, errorCode(answer).code]).toEqual([400, "EPROTO"]);
  });
});

describe("pages of other sites (A1.3)", () => {
  const headersOf = (host: string, origin?: string) => ({ host, ...(origin === undefined ? {} : { origin }) });
  it.each([
    ["no origin", "127.0.0.1:8080", undefined, 404],
    ["the same origin", "localhost:8080", "http://localhost:8080", 404],
    ["another loopback origin", "127.0.0.1:8080", "http://localhost:5173", 404],
    ["another site", "127.0.0.1:8080", "https://evil.example", 403],
    ["a site named like loopback", "127.0.0.1:8080", "http://localhost.evil.example", 403],
    ["origin null", "127.0.0.1:8080", "null", 403],
    ["a rebound name", "evil.example:8080", undefined, 403],
    ["a rebound name with its own origin", "evil.example:8080", "http://evil.example:8080", 403],
  ])("%s", async (_name, host, origin, status) => {
    const answer = await get("t/not-there", headersOf(host, origin));
    expect(answer.status).toBe(status);
    if (status === 403) expect(errorCode(answer).code).toBe("ESEC");
  });

  it("a server for others takes its own name, and listed origins only", async () => {
    const app = createMemoryGateway({ store, access: { loopback: false, allowedOrigins: ["https://app.example"] } });
    const status = async (headers: Record<string, string>) => (await app.request("/healthz", { headers })).status;
    expect(await status({ host: "memory.example" })).toBe(200);
    expect(await status({ host: "memory.example", origin: "https://memory.example" })).toBe(200);
    expect(await status({ host: "memory.example", origin: "https://app.example" })).toBe(200);
    expect(await status({ host: "memory.example", origin: "https://evil.example" })).toBe(403);
    expect(await status({ host: "memory.example", origin: "http://localhost" })).toBe(403);
  });
});

describe("a full store", () => {
  it("refuses with EOVERLOAD, frees what expired, and keeps what it has", async () => {
    let at = 0;
    const small = new InMemoryStore({ now: () => at, maxBytes: 100 });
    const app = createMemoryGateway({ store: small });
    const write = async (key: string, text: string, query = "") => {
      const body = JSON.stringify({ object: text });
      return app.request(`/v1/memory/t/${key}${query}`, { method: "PUT", body, headers: { host: "localhost" } });
    };
    expect((await write("a", "x".repeat(60), "?ttl_s=1")).status).toBe(201);
    const refused = await write("b", "x".repeat(60));
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: "EOVERLOAD" } });
    expect((await write("a", "x".repeat(80), "?ttl_s=1")).status).toBe(200);
    at = 1_000;
    expect((await write("b", "x".repeat(60))).status).toBe(201);
    expect(small.size.objects).toBe(1);
  });

  it("sweep frees expired objects that nobody asks for", async () => {
    let at = 0;
    const quiet = new InMemoryStore({ now: () => at });
    await quiet.put({ ns: "t", key: "k" }, '"x"', 10, {});
    at = 10;
    quiet.sweep();
    expect(quiet.size).toEqual({ objects: 0, bytes: 0 });
  });
});

describe("a defect", () => {
  it("shows its id and nothing else", async () => {
    const broken = new InMemoryStore();
    broken.get = async () => {
      throw new Error("secret place");
    };
    const seen: [string, unknown][] = [];
    const app = createMemoryGateway({ store: broken, onDefect: (id, thrown) => seen.push([id, thrown]) });
    const response = await app.request("/v1/memory/t/k", { headers: { host: "localhost" } });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secret");
    expect(text).toContain(seen[0]?.[0]);
  });
});
