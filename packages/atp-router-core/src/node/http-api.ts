import type { IncomingMessage, ServerResponse } from "node:http";
import { AtpError, decodeFrame, errorClasses } from "atp-protocol";
import type { ErrorContent } from "atp-protocol";
import { may } from "../model/index.js";
import type { Principal, Scope } from "../model/index.js";
import { openAiDoor } from "../openai/index.js";
import type { AdapterView, ExplainRequest, Router } from "../runtime/index.js";

const MAX_BODY_BYTES = 1_048_576;
/** Of what a peer sent, an answer repeats at most so many characters. */
const MAX_SHOWN = 100;

/** The text of `GET /metrics`. */
export interface MetricsSource {
  readonly contentType: string;
  /** @param principal who asks, where somebody is asked; it decides whose budgets are told */
  metrics(principal?: Principal): Promise<string>;
}

interface Route {
  readonly method: "GET" | "POST";
  /** Answers without credentials: only what a load balancer asks. */
  readonly open?: true;
  /** What the caller must be allowed to do. @default "observe" */
  readonly needs?: Scope;
  readonly handle: (request: IncomingMessage, response: ServerResponse, principal?: Principal) => Promise<void>;
}

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

/** The path that a request names, without its query. Whatever the peer sent, it never throws. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

/** The body as text. What comes beyond the limit is read and dropped, so that the peer gets to read why. */
function textOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(
        new AtpError("ETOOBIG", `The body is over ${MAX_BODY_BYTES} bytes.`, { details: { limit: MAX_BODY_BYTES } }),
      );
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}

function parsed(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new AtpError("EPROTO", "The body is not JSON.", { cause });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new AtpError("EPROTO", "The body is not a JSON object.");
  return body as Record<string, unknown>;
}

/** A dry run's question: members of a SYN, and held to the rules of one. */
function explainRequest(text: string): ExplainRequest {
  const { qos, window, meta, payload } = parsed(text);
  if (payload === undefined) throw new AtpError("EPROTO", "payload is missing: it holds the question.");
  const head = { v: 1, session_id: "explain", stream_id: "explain", msg_seq: 1, flags: ["SYN"] };
  let syn: string;
  try {
    syn = JSON.stringify({ ...head, qos, window, meta, payload });
  } catch (cause) {
    throw new AtpError("EPROTO", "The body is nested too deeply.", { details: { rule: "A3.3" }, cause });
  }
  const decoded = decodeFrame(syn, { max_frame_bytes: 2 * MAX_BODY_BYTES });
  if (!decoded.ok) {
    const { code, message, rule } = decoded.refusal;
    throw new AtpError(code, message, { details: { rule } });
  }
  const { frame } = decoded;
  return {
    payload: frame.payload ?? { type: "", content: undefined },
    ...(frame.qos === undefined ? {} : { qos: frame.qos }),
    ...(frame.window === undefined ? {} : { window: frame.window }),
    ...(frame.meta === undefined ? {} : { meta: frame.meta }),
  };
}

/** An adapter in the wire's own names. */
function adapterHealth({ info, status, running, p95Ms, errorRate, window, rating, breaker }: AdapterView): object {
  const { id, name, model, version, contextTokens, tags, price, maxParallel } = info;
  return {
    name,
    url: id,
    status,
    running,
    p95_ms: p95Ms,
    error_rate: errorRate,
    model,
    version,
    tags,
    context_tokens: contextTokens,
    max_parallel: maxParallel,
    window,
    rating,
    breaker: { state: breaker.state, share: breaker.share, for_ms: breaker.forMs },
    usd_micros_per_mtok_in: price?.inPerMtok,
    usd_micros_per_mtok_out: price?.outPerMtok,
  };
}

/** Part C on the router's own port. */
export function httpApi(
  router: Router,
  metrics: MetricsSource | undefined,
): (request: IncomingMessage, response: ServerResponse) => void {
  const get = (answer: (principal?: Principal) => unknown): Route => ({
    method: "GET",
    handle: async (_request, response, principal) => json(response, 200, await answer(principal)),
  });
  const door = openAiDoor(router);
  const routes: Readonly<Record<string, Route>> = {
    "/healthz": { ...get(() => ({ status: "ok" })), open: true },
    "/readyz": {
      method: "GET",
      open: true,
      handle: async (_request, response) => {
        const readiness = await router.ready();
        json(response, readiness.ok ? 200 : 503, readiness);
      },
    },
    "/metrics": {
      method: "GET",
      handle: async (_request, response, principal) => {
        if (metrics === undefined) throw new AtpError("ENOROUTE", "Metrics are off on this router.");
        const text = await metrics.metrics(principal);
        response.writeHead(200, { "content-type": metrics.contentType });
        response.end(text);
      },
    },
    "/adapters/health": get(() => ({ adapters: router.view().adapters.map(adapterHealth) })),
    "/v1/budgets": get((principal) => router.budgets(principal)),
    "/v1/lanes": get(() => router.view().lanes),
    "/v1/explain": {
      method: "POST",
      needs: "stream",
      handle: async (request, response) => {
        const answer = await router.explain(explainRequest(await textOf(request)), bearer(request));
        if ("error" in answer) refuse(response, answer.error as ErrorContent);
        else json(response, 200, answer);
      },
    },
    "/v1/chat/completions": {
      method: "POST",
      // It asks who is there itself, and answers in OpenAI's own shape.
      open: true,
      handle: (request, response) => door.chat(request, response, bearer(request)),
    },
    "/v1/models": { method: "GET", needs: "stream", handle: async (_request, response) => door.models(response) },
  };

  return (request, response) => {
    const path = pathOf(request);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined) {
      refuse(
        response,
        new AtpError(
          "ENOROUTE",
          `There is nothing at ${path.slice(0, MAX_SHOWN)}. See the guide on running the stack.`,
        ),
      );
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
    const allowed = route.open === true ? Promise.resolve(undefined) : router.authenticate(bearer(request));
    const answered = allowed.then((principal) => {
      const scope = route.needs ?? "observe";
      if (principal !== undefined && !may(principal, scope))
        throw new AtpError("EPOLICY", `These credentials may not ask for ${path}: they lack the scope \`${scope}\`.`);
      return route.handle(request, response, principal);
    });
    answered.catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, AtpError.from(error));
    });
  };
}
