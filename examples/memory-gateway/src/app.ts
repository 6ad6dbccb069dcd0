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
import { type Caller, mayUse, type MemoryIdentity, readable } from "./identity.js";
import { type MemoryPath, parseMemoryPath, parseNamespace } from "./memory-path.js";
import { type MemoryStore, preconditionHolds, StoreUnreachable } from "./memory-store.js";

const maxBodyBytes = 1_048_576;
const maxSearchBytes = 16_384;
const maxTtlSeconds = 31_536_000;
const prefix = "/v1/memory/";

/** Options of {@link createMemoryGateway}. */
export interface MemoryGatewayOptions {
  readonly store: MemoryStore;
  /** @default loopback, nothing listed */
  readonly access?: Partial<AccessRules>;
  /** Who calls. @default everybody may read and write everything */
  readonly identity?: MemoryIdentity;
  /** Told of each write and each refusal, for an audit log. Never bodies. */
  readonly onAudit?: (event: MemoryAudit) => void;
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

/** What an audit log is told. */
export interface MemoryAudit {
  readonly event: "memory.put" | "memory.delete" | "memory.refused";
  /** Who asked; absent without identity, and where it is not known. */
  readonly tenant?: string;
  readonly subject?: string;
  /** The path behind `/v1/memory/`, at most 512 characters. */
  readonly path: string;
  /** The version written, or the refusal's code. */
  readonly etag?: string;
  readonly code?: string;
}

type Env = { Bindings: Partial<HttpBindings>; Variables: { caller: Caller } };

/** Refusals that say something of who tried; the others are a caller's slips. */
const audited: ReadonlySet<string> = new Set(["EAUTH", "ESEC", "EQUOTA"]);

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
  const audit = (c: Context<Env>, event: MemoryAudit["event"], more: { etag?: string; code?: string }): void =>
    options.onAudit?.({
      event,
      ...callerOf(c),
      path: rawPathOf(c).slice(prefix.length).slice(0, 512),
      ...more,
    });

  app.use(async (c, next) => {
    const startedAt = performance.now();
    checkAccess(c.req.raw.headers, access);
    refuseDotSegments(rawPathOf(c));
    if (rawPathOf(c).startsWith("/v1/")) {
      const caller = await options.identity?.(c.req.header("authorization"));
      if (caller !== undefined) c.set("caller", caller);
    }
    await next();
    const ms = Math.round(performance.now() - startedAt);
    options.onAnswer?.({ method: c.req.method, path: c.req.path, status: c.res.status, ms });
  });
  app.get("/healthz", async (c) => {
    const ready = await store.ready();
    return c.json({ status: ready ? "ok" : "the store cannot be reached" }, ready ? 200 : 503);
  });
  app.post("/v1/memory/search", async (c) => c.json(await search(store, c.req.raw, callerOf(c))));
  app.get(`${prefix}*`, async (c) => read(store, pathOf(c), c));
  app.put(`${prefix}*`, async (c) => {
    const response = await write(store, pathOf(c), c);
    audit(c, "memory.put", { etag: response.headers.get("etag")?.slice(1, -1) ?? "" });
    return response;
  });
  app.delete(`${prefix}*`, async (c) => {
    const response = await remove(store, pathOf(c), c);
    audit(c, "memory.delete", {});
    return response;
  });
  app.all(`${prefix}*`, (c) => {
    c.header("Allow", "GET, HEAD, PUT, DELETE");
    return c.json(new HttpError("EMETHOD", `${c.req.method} is not a method of memory`).toBody(), 405);
  });
  app.notFound((c) => c.json(new HttpError("ENOTFOUND", "no such path").toBody(), 404));
  app.onError((thrown, c) => {
    const refused =
      thrown instanceof StoreUnreachable
        ? new HttpError("EOVERLOAD", "the store of this gateway cannot be reached now; try again")
        : thrown;
    if (refused instanceof HttpError) {
      if (audited.has(refused.code)) audit(c, "memory.refused", { code: refused.code });
      if (refused.code === "EAUTH") c.header("WWW-Authenticate", "Bearer");
      if (refused.code === "EOVERLOAD") c.header("Retry-After", "1");
      return c.json(refused.toBody(), refused.status);
    }
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
    case "quota":
      throw new HttpError(
        "EQUOTA",
        `the tenant keeps as many ${put.over} as it may; delete something, or write with ttl_s`,
      );
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

async function search(
  store: MemoryStore,
  request: Request,
  caller: Caller | undefined,
): Promise<{ results: readonly unknown[] }> {
  const parsed = searchSchema.safeParse(await readJson(request, maxSearchBytes));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HttpError("EPROTO", `${issue?.path.join(".") || "the body"}: ${issue?.message ?? "invalid"}`);
  }
  const { q, ns, limit } = parsed.data;
  const within = readable(caller, ns === undefined ? undefined : parseNamespace(ns));
  return { results: await store.search(q, within, limit) };
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
  const parsed = parseMemoryPath(path.slice(prefix.length));
  mayUse(callerOf(c), parsed.ns);
  return parsed;
}

/** Who asks; undefined without identity. */
function callerOf(c: Context<Env>): Caller | undefined {
  return c.get("caller");
}

function refuseDotSegments(path: string): void {
  if (path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new HttpError("EPROTO", "the segments . and .. are refused");
  }
}
