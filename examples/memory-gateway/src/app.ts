/**
 * The memory gateway over HTTP (part C), without a server: give its `fetch` to any.
 */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { type AccessRules, checkAccess } from "./access.js";
import { etagHeader, preconditionOf } from "./conditional-headers.js";
import { HttpError } from "./http-error.js";
import { readJson } from "./json-body.js";
import { type MemoryPath, parseMemoryPath, parseNamespace } from "./memory-path.js";
import { type MemoryStore, preconditionHolds } from "./memory-store.js";

const maxBodyBytes = 1_048_576;
const maxSearchBytes = 16_384;
const maxTtlSeconds = 31_536_000;
const prefix = "/v1/memory/";

/** Options of {@link createMemoryGateway}. */
export interface MemoryGatewayOptions {
  readonly store: MemoryStore;
  /** @default loopback, nothing listed */
  readonly access?: Partial<AccessRules>;
  /** Told of each request when it was answered. Bodies and search texts are never told. */
  readonly onAnswer?: (answer: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly ms: number;
  }) => void;
  /** Told of a defect; the caller only gets its id. */
  readonly onDefect?: (id: string, thrown: unknown) => void;
}

type Env = { Bindings: Partial<HttpBindings> };

const searchSchema = z.object({
  q: z.string().min(1).max(1_000),
  ns: z.string().max(4_096).optional(),
  limit: z.number().int().min(1).max(100).default(10),
});
const ttlSchema = z.number().int().min(1).max(maxTtlSeconds);

/** Builds the gateway's routes over a store. */
export function createMemoryGateway(options: MemoryGatewayOptions): Hono<Env> {
  const { store } = options;
  const access: AccessRules = { loopback: true, allowedOrigins: [], allowedHosts: [], ...options.access };
  const app = new Hono<Env>();
  let defects = 0;

  app.use(async (c, next) => {
    const startedAt = performance.now();
    checkAccess(c.req.raw.headers, access);
    refuseDotSegments(rawPathOf(c));
    await next();
    const ms = Math.round(performance.now() - startedAt);
    options.onAnswer?.({ method: c.req.method, path: c.req.path, status: c.res.status, ms });
  });
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.post("/v1/memory/search", async (c) => c.json(await search(store, c.req.raw)));
  app.get(`${prefix}*`, async (c) => read(store, pathOf(c), c));
  app.put(`${prefix}*`, async (c) => write(store, pathOf(c), c));
  app.delete(`${prefix}*`, async (c) => remove(store, pathOf(c), c));
  app.all(`${prefix}*`, (c) => {
    c.header("Allow", "GET, HEAD, PUT, DELETE");
    return c.json(new HttpError("EMETHOD", `${c.req.method} is not a method of memory`).toBody(), 405);
  });
  app.notFound((c) => c.json(new HttpError("ENOTFOUND", "no such path").toBody(), 404));
  app.onError((thrown, c) => {
    if (thrown instanceof HttpError) return c.json(thrown.toBody(), thrown.status);
    defects += 1;
    const id = `m${String(defects)}`;
    options.onDefect?.(id, thrown);
    return c.json(new HttpError("EINTERNAL", `the gateway failed; its log has the cause under ${id}`).toBody(), 500);
  });
  return app;
}

async function read(store: MemoryStore, path: MemoryPath, c: Context<Env>): Promise<Response> {
  const found = await store.get(path);
  if (found === undefined) throw new HttpError("ENOTFOUND", `nothing is kept under ${path.ns}/${path.key}`);
  const { ifMatch, ifNoneMatch } = preconditionOf(c.req.raw.headers);
  if (ifMatch !== undefined && !preconditionHolds({ ifMatch }, found.etag)) throw preconditionFailed();
  c.header("ETag", etagHeader(found.etag));
  c.header("Cache-Control", "no-store");
  if (ifNoneMatch !== undefined && !preconditionHolds({ ifNoneMatch }, found.etag)) return c.body(null, 304);
  return c.body(`{"object":${found.json}}`, 200, { "Content-Type": "application/json" });
}

async function write(store: MemoryStore, path: MemoryPath, c: Context<Env>): Promise<Response> {
  const precondition = preconditionOf(c.req.raw.headers);
  const queryTtl = ttlOfQuery(c.req.query("ttl_s"));
  const body = await readJson(c.req.raw, maxBodyBytes);
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, "object")) {
    throw new HttpError("EPROTO", 'the body must be {"object": any JSON}');
  }
  const { object, ttl_s: bodyTtl } = body as { object: unknown; ttl_s?: unknown };
  const ttlSeconds = bodyTtl === undefined ? queryTtl : checkTtl(bodyTtl);
  if (queryTtl !== undefined && queryTtl !== ttlSeconds) {
    throw new HttpError("EPROTO", "ttl_s differs between query and body");
  }
  const ttlMs = ttlSeconds === undefined ? undefined : ttlSeconds * 1_000;
  const put = await store.put(path, JSON.stringify(object), ttlMs, precondition);
  switch (put.outcome) {
    case "failed":
      throw preconditionFailed();
    case "full":
      throw new HttpError("EOVERLOAD", "the memory is full; delete something, or write with ttl_s");
    case "created":
    case "replaced":
      c.header("ETag", etagHeader(put.etag));
      return c.json({ etag: put.etag }, put.outcome === "created" ? 201 : 200);
  }
}

async function remove(store: MemoryStore, path: MemoryPath, c: Context<Env>): Promise<Response> {
  const outcome = await store.delete(path, preconditionOf(c.req.raw.headers));
  if (outcome === "failed") throw preconditionFailed();
  if (outcome === "absent") throw new HttpError("ENOTFOUND", `nothing is kept under ${path.ns}/${path.key}`);
  return c.body(null, 204);
}

async function search(store: MemoryStore, request: Request): Promise<{ results: readonly unknown[] }> {
  const parsed = searchSchema.safeParse(await readJson(request, maxSearchBytes));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HttpError("EPROTO", `${issue?.path.join(".") || "the body"}: ${issue?.message ?? "invalid"}`);
  }
  const { q, ns, limit } = parsed.data;
  return { results: await store.search(q, ns === undefined ? undefined : parseNamespace(ns), limit) };
}

function ttlOfQuery(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return checkTtl(/^\d{1,9}$/.test(value) ? Number(value) : Number.NaN);
}

function checkTtl(value: unknown): number {
  const parsed = ttlSchema.safeParse(value);
  if (!parsed.success) throw new HttpError("EPROTO", `ttl_s must be an integer from 1 to ${String(maxTtlSeconds)}`);
  return parsed.data;
}

function preconditionFailed(): HttpError {
  return new HttpError("EPRECONDITION", "the object is not in the version that the request asks for");
}

/** The path as it was sent: a parsed URL has already resolved `..`, escaped or not, which must be refused instead. */
function rawPathOf(c: Context<Env>): string {
  const target = c.env?.incoming?.url ?? c.req.url.replace(/^[a-z]+:\/\/[^/]+/i, "");
  return target.split("?", 1)[0] ?? "";
}

function pathOf(c: Context<Env>): MemoryPath {
  const path = rawPathOf(c);
  if (!path.startsWith(prefix)) throw new HttpError("EPROTO", `the path must begin with ${prefix}`);
  return parseMemoryPath(path.slice(prefix.length));
}

function refuseDotSegments(path: string): void {
  if (path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new HttpError("EPROTO", "the segments . and .. are refused");
  }
}
