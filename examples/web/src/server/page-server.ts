import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { openSource } from "./sources.js";

/** What the server serves. */
export interface PageOptions {
  /** The folder of the built page. */
  readonly page: string;
  /** The project's root, below which citations are opened. */
  readonly root: string;
  readonly routerUrl: string;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Routes of the router that the page reads through this server, so that the router needs no rule for other origins. */
const passedOn = new Set(["/v1/lanes", "/adapters/health"]);

/** Serves the page, the sources of citations, and what the page reads of the router by HTTP. Frames go to the router directly. */
export function createPageServer(options: PageOptions): Server {
  return createServer((request, response) => {
    answer(request, response, options).catch(() => {
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, options: PageOptions): Promise<void> {
  const url = new URL(request.url ?? "/", "http://page");
  if (request.method !== "GET") return send(response, 405, "text/plain", "only GET");
  if (passedOn.has(url.pathname)) {
    const told = await fetch(new URL(url.pathname, options.routerUrl), { signal: AbortSignal.timeout(5_000) });
    return send(response, told.status, "application/json", await told.text());
  }
  if (url.pathname === "/source") {
    const excerpt = await openSource(options.root, url.searchParams.get("at") ?? "");
    if (excerpt === undefined) return send(response, 404, "application/json", '{"error":"no such line"}');
    return send(response, 200, "application/json", JSON.stringify(excerpt));
  }
  const file = normalize(join(options.page, url.pathname === "/" ? "index.html" : url.pathname));
  if (!file.startsWith(options.page + sep)) return send(response, 404, "text/plain", "not here");
  const body = await readFile(file).catch(() => undefined);
  if (body === undefined) return send(response, 404, "text/plain", "not here");
  const type = types[extname(file)] ?? "application/octet-stream";
  if (extname(file) !== ".html") return send(response, 200, type, body);
  const socket = `${options.routerUrl.replace(/^http/, "ws")}/ws`;
  const html = body.toString("utf8").replace('name="atp-router" content=""', `name="atp-router" content="${socket}"`);
  response.setHeader("content-security-policy", policy(new URL(socket).origin));
  send(response, 200, type, html);
}

/** Only this origin's files, and the router's socket. Inline styles are the bars' widths. */
function policy(socket: string): string {
  return [
    "default-src 'self'",
    `connect-src 'self' ${socket}`,
    "img-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    "content-type": type,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  });
  response.end(body);
}
