import { request } from "node:http";
import { request as requestTls } from "node:https";
import { isDeepStrictEqual } from "node:util";
import { asText, check, Failure, type Result, Skip } from "../result.js";
import { type Choice, takes } from "../run-testee.js";

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

interface Asked {
  readonly url: string;
  readonly token: string | undefined;
}

/** Checks of a router's HTTP routes with the rules that they prove. */
export const httpChecks: readonly {
  readonly id: string;
  readonly profile: string;
  readonly rules: readonly string[];
}[] = [
  { id: "health", profile: "core", rules: ["C1.1-1"] },
  { id: "ready", profile: "core", rules: ["C1.1-1", "C1.1-2"] },
  { id: "explain", profile: "core", rules: ["C1.2-1", "C1.2-2"] },
  { id: "explain-spends-nothing", profile: "core", rules: ["C1.2-3"] },
  { id: "foreign-origin", profile: "auth", rules: ["A1.3-7"] },
  { id: "credentials", profile: "auth", rules: ["A1.3-8"] },
];

/** Puts the checks of part C1 to a running router. `url`: that of its WebSocket. */
export async function runHttp(url: string, token: string | undefined, choice: Choice): Promise<Result[]> {
  const asked: Asked = { url: url.replace(/^ws/, "http").replace(/\/ws\/?$/, ""), token };
  const results: Result[] = [];
  for (const { id, profile, rules } of httpChecks) {
    if (!takes(choice, profile, `http:${id}`)) continue;
    results.push(await check({ id: `http:${id}`, profile, rules }, async () => runs[id]?.(asked)));
  }
  return results;
}

const runs: Readonly<Record<string, (asked: Asked) => Promise<void>>> = {
  async health(asked) {
    const { status } = await send({ ...asked, token: undefined }, "GET", "/healthz");
    if (status !== 200) throw new Failure(`GET /healthz answered ${status}`, "C1.1-1");
  },
  async ready(asked) {
    const { status, body } = await send({ ...asked, token: undefined }, "GET", "/readyz");
    if (status !== 200 && status !== 503) throw new Failure(`GET /readyz answered ${status}`, "C1.1-1");
    const { ok, checks } = object(body);
    if (ok !== (status === 200) || checks === undefined) throw new Failure("GET /readyz is {ok, checks}", "C1.1-2");
  },
  async explain(asked) {
    const { status, body } = await explain(asked);
    if (status !== 200) throw new Failure(`POST /v1/explain answered ${status}: ${body.slice(0, 200)}`, "C1.2-1");
    const { policy, candidates, plan, rungs } = object(body);
    if (typeof policy !== "object" || policy === null) throw new Failure("the answer has no policy decision", "C1.2-2");
    if (!Array.isArray(candidates) || !body.includes('"estimate"'))
      throw new Failure("the answer has no candidates with their estimates", "C1.2-2");
    if (plan === undefined && rungs === undefined) throw new Failure("the answer has no plan", "C1.2-2");
    if (!/"holds?"/.test(body)) throw new Failure("the answer has no holds", "C1.2-2");
  },
  async "explain-spends-nothing"(asked) {
    const before = await budgets(asked);
    await explain(asked);
    const after = await budgets(asked);
    if (!isDeepStrictEqual(before, after)) throw new Failure(`${asText(before)} became ${asText(after)}`, "C1.2-3");
  },
  async "foreign-origin"(asked) {
    const { status } = await explain(asked, { Origin: "https://evil.example" });
    if (status !== 403) throw new Failure(`POST of a foreign origin was answered with ${status}, not 403`, "A1.3-7");
  },
  async credentials(asked) {
    if (asked.token === undefined) throw new Skip("no --token was given");
    const { status } = await explain({ ...asked, token: undefined });
    if (status !== 401) throw new Failure(`without credentials POST was answered with ${status}, not 401`, "A1.3-8");
  },
};

async function budgets(asked: Asked): Promise<unknown> {
  const { status, body } = await send(asked, "GET", "/v1/budgets");
  if (status !== 200) throw new Skip(`GET /v1/budgets answered ${status}`);
  return object(body)["tenants"] ?? object(body);
}

function explain(asked: Asked, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  const body = { qos: "silver", meta: {}, payload: { type: "agent.request", content: { prompt: "hello" } } };
  return send(asked, "POST", "/v1/explain", JSON.stringify(body), headers);
}

function object(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below, as for any other value.
  }
  throw new Failure(`not a JSON object: ${text.slice(0, 100)}`);
}

function send(
  { url, token }: Asked,
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const all = {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    };
    const ask = url.startsWith("https:") ? requestTls : request;
    const call = ask(`${url}${path}`, { method, headers: all, timeout: 10_000 }, (response) => {
      let read = "";
      response.setEncoding("utf8");
      response.on("data", (data: string) => (read += data));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: read }));
    });
    call.on("error", reject);
    call.on("timeout", () => call.destroy(new Error(`${method} ${path}: no answer`)));
    call.end(body);
  });
}
