import type { IncomingMessage, ServerResponse } from "node:http";
import { AtpError, errorClasses } from "atp-protocol";
import type { ErrorContent } from "atp-protocol";
import { qos as qosSchema, window as windowSchema } from "atp-protocol/schema";
import * as z from "zod";
import type { Router } from "../runtime/index.js";

const MAX_BODY_BYTES = 1_048_576;

/** The text of `GET /metrics`. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

const explainBody = z.looseObject({
  qos: qosSchema.optional(),
  window: windowSchema.optional(),
  meta: z.unknown().optional(),
  payload: z.looseObject({ type: z.string(), content: z.unknown() }),
});

function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Answers with an error in the wire's own form. */
export function refuse(response: ServerResponse, error: AtpError | ErrorContent, status?: number): void {
  const content = error instanceof AtpError ? error.toContent() : error;
  json(response, status ?? errorClasses[content.code].http, { error: content });
}

function bearer(request: IncomingMessage): { token?: string } {
  const match = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "");
  return match?.[1] === undefined ? {} : { token: match[1] };
}

/** The credentials that a request shows in its header. */
export const credentialsOf = bearer;

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new AtpError("ETOOBIG", `The body is over ${MAX_BODY_BYTES} bytes.`, {
        details: { limit: MAX_BODY_BYTES },
      });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch (cause) {
    throw new AtpError("EPROTO", "The body is not JSON.", { cause });
  }
}

/** Part C on the router's own port, the door for OpenAI clients excepted. */
export function httpApi(
  router: Router,
  metrics: MetricsSource | undefined,
): (request: IncomingMessage, response: ServerResponse) => void {
  const get = (answer: () => unknown): Route => ({
    method: "GET",
    handle: async (_request, response) => json(response, 200, await answer()),
  });
  const notBuilt: Route["handle"] = async (_request, response) =>
    refuse(
      response,
      new AtpError("ENOROUTE", "The OpenAI-compatible door is not built into this version. Use the WebSocket at /ws."),
      501,
    );
  const routes: Readonly<Record<string, Route>> = {
    "/healthz": get(() => ({ status: "ok" })),
    "/readyz": {
      method: "GET",
      handle: async (_request, response) => {
        const readiness = await router.ready();
        json(response, readiness.ok ? 200 : 503, readiness);
      },
    },
    "/metrics": {
      method: "GET",
      handle: async (_request, response) => {
        if (metrics === undefined) throw new AtpError("ENOROUTE", "Metrics are off on this router.");
        const text = await metrics.metrics();
        response.writeHead(200, { "content-type": metrics.contentType });
        response.end(text);
      },
    },
    "/adapters/health": get(() => ({ adapters: router.view().adapters })),
    "/v1/budgets": get(() => router.budgets()),
    "/v1/lanes": get(() => router.view().lanes),
    "/v1/explain": {
      method: "POST",
      handle: async (request, response) => {
        const parsed = explainBody.safeParse(await body(request));
        if (!parsed.success) {
          const issue = parsed.error.issues[0];
          throw new AtpError("EPROTO", `${issue?.path.join(".") ?? "body"}: ${issue?.message ?? "is malformed"}`);
        }
        const { qos, window, meta, payload } = parsed.data;
        const answer = await router.explain(
          {
            payload: { type: payload.type, content: payload.content },
            ...(qos === undefined ? {} : { qos }),
            ...(window === undefined ? {} : { window: window as never }),
            ...(meta === undefined ? {} : { meta }),
          },
          bearer(request),
        );
        if ("error" in answer) refuse(response, answer.error as ErrorContent);
        else json(response, 200, answer);
      },
    },
    "/v1/chat/completions": { method: "POST", handle: notBuilt },
    "/v1/models": { method: "GET", handle: notBuilt },
  };

  return (request, response) => {
    const path = new URL(request.url ?? "/", "http://router").pathname;
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined) {
      refuse(response, new AtpError("ENOROUTE", `There is nothing at ${path}. See the guide on running the stack.`));
      return;
    }
    if (request.method !== route.method && !(request.method === "HEAD" && route.method === "GET")) {
      response.setHeader("allow", route.method);
      refuse(
        response,
        new AtpError("EPROTO", `${path} answers ${route.method}, not ${request.method ?? "this"}.`),
        405,
      );
      return;
    }
    route.handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, AtpError.from(error));
    });
  };
}
