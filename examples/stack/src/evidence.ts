import { createClient } from "atp-client";
import WebSocket from "ws";
import type { SinkSpan } from "./otlp-sink.js";
import type { Stack } from "./stack.js";

type Json = Readonly<Record<string, unknown>>;

/** What the content of a FINAL is looked at for. */
export interface FinalLook {
  readonly answer?: string;
  readonly consensus?: {
    readonly agreement?: number;
    readonly support?: readonly string[];
    readonly weights?: Json;
  };
}

/** What real requests to a stack left behind. */
export interface Evidence {
  /** The question of the diagram, as a raw frame of section 3. */
  readonly qa: {
    readonly streamId: string;
    readonly partials: readonly { readonly adapter: string }[];
    readonly final: FinalLook;
    readonly telemetry: Json;
    /** The type of the last frame's payload. */
    readonly ended: string;
    readonly spans: readonly SinkSpan[];
  };
  /** The example of section 7, by the client library. */
  readonly review: {
    readonly streamId: string;
    readonly partials: number;
    readonly escalations: number;
    readonly tokens: number;
    /** Adapters in the order in which they were asked. */
    readonly order: readonly string[];
  };
  readonly denied: { readonly code: string };
  /** A question whose window is less than its whole answer takes. */
  readonly clipped: {
    readonly ended: string;
    readonly tokens: number;
    readonly windowTokens: number;
    readonly fullTokens: number;
  };
  readonly tooSmall: { readonly code: string; readonly message: string };
  readonly refused: Readonly<Record<"none" | "expired" | "foreign", string>>;
  readonly memory: {
    readonly readPath: string;
    readonly writePath: string;
    readonly stored: Json | undefined;
    readonly found: boolean;
  };
  readonly explained: {
    readonly candidates: readonly { readonly adapter: string; readonly estimate?: Readonly<Record<string, number>> }[];
  };
  /** `atp_streams_total` in Prometheus. */
  readonly scraped: number;
}

const TENANT = "acme";
const NS = `${TENANT}/stack/check`;
/** Enough to begin an answer of one adapter, and not to end it. */
const CLIPPING_TOKENS = 40;
const question = "How is a budget kept?";
const window = { max_parallel: 4, max_tokens: 50_000, max_usd_micros: 1_000_000 };

/** Sends the requests. @throws Error when one gets no answer at all */
export async function gather(stack: Stack): Promise<Evidence> {
  const token = await stack.issuer.token({ tenant: TENANT, subject: "check", roles: ["user"] });
  const bearer = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  await fetch(`${stack.memoryUrl}/v1/memory/${NS}/context`, {
    method: "PUT",
    headers: bearer,
    body: JSON.stringify({ object: { finding: "budgets are kept by holds" } }),
  });
  const ask = (streamId: string, meta: Json, given: Json = window): Promise<Frame[]> =>
    rawStream(stack, token, streamId, meta, given);

  const qa = await ask("qa", {
    task_type: "qa",
    tool_permissions: ["fs.read"],
    memory: { namespace: NS, read: ["context"], write: "answer" },
  });
  const final = last(qa);
  const denied = last(await ask("denied", { task_type: "qa", tool_permissions: ["shell.exec"] }));
  const tooSmall = last(await ask("small", { task_type: "qa", tool_permissions: [] }, { ...window, max_tokens: 1 }));
  const clipped = last(await ask("clipped", { task_type: "clip" }, { ...window, max_tokens: CLIPPING_TOKENS }));
  const whole = last(await ask("whole", { task_type: "clip" }));
  const foreign = last(await ask("foreign", { task_type: "qa", memory: { namespace: "other/x/y", read: ["k"] } }));
  const expired = await stack.issuer.token({ tenant: TENANT, subject: "check" }, -600);
  const review = await reviewed(stack, token);
  const stored = await until(async () => {
    const response = await fetch(`${stack.memoryUrl}/v1/memory/${NS}/answer`, { headers: bearer });
    return response.ok ? ((await response.json()) as { object: Json }).object : undefined;
  });
  const search = await fetch(`${stack.memoryUrl}/v1/memory/search`, {
    method: "POST",
    headers: bearer,
    body: JSON.stringify({ q: "budget", ns: NS }),
  });
  const explained = await fetch(`${stack.routerUrl}/v1/explain`, {
    method: "POST",
    headers: bearer,
    body: JSON.stringify({ qos: "gold", window, meta: { task_type: "qa" }, payload: payload() }),
  });
  return {
    qa: {
      streamId: "qa",
      partials: qa
        .filter(({ payload }) => payload?.type === "agent.result.partial")
        .map(({ payload }) => ({ adapter: String(payload?.content["adapter"]) })),
      final: final.payload?.content ?? {},
      telemetry: final.telemetry ?? {},
      ended: final.payload?.type ?? "nothing",
      spans: await spansOfQuestion(stack),
    },
    review,
    denied: errorOf(denied),
    clipped: {
      ended: clipped.payload?.type ?? "nothing",
      tokens: Number(clipped.telemetry?.["tokens"]),
      windowTokens: CLIPPING_TOKENS,
      fullTokens: Number(whole.telemetry?.["tokens"]),
    },
    tooSmall: errorOf(tooSmall),
    refused: {
      none: await greeting(stack, undefined),
      expired: await greeting(stack, expired),
      foreign: errorOf(foreign).code,
    },
    memory: {
      readPath: `${NS}/context`,
      writePath: `${NS}/answer`,
      stored,
      found: JSON.stringify(await search.json()).includes(`"answer"`),
    },
    explained: (await explained.json()) as Evidence["explained"],
    scraped: stack.prometheusUrl === undefined ? 0 : await scraped(stack.prometheusUrl),
  };
}

interface Frame {
  readonly stream_id?: string;
  readonly flags?: readonly string[];
  readonly payload?: { readonly type: string; readonly content: Json };
  readonly telemetry?: Json;
}

function payload(): Json {
  return { type: "agent.request", content: { prompt: question } };
}

/** Opens a socket as any frontend does, sends one SYN of section 3, and takes frames up to the stream's end. */
function rawStream(stack: Stack, token: string, streamId: string, meta: Json, given: Json): Promise<Frame[]> {
  const syn = {
    v: 1,
    session_id: `check-${streamId}`,
    stream_id: streamId,
    msg_seq: 1,
    frag_seq: 0,
    flags: ["SYN"],
    qos: "gold",
    ttl: 8,
    window: given,
    meta,
    payload: payload(),
  };
  return new Promise((resolve, reject) => {
    const frames: Frame[] = [];
    const socket = new WebSocket(`${stack.routerUrl.replace(/^http/, "ws")}/ws`, {
      headers: { authorization: `Bearer ${token}` },
    });
    socket.on("open", () => socket.send(JSON.stringify(syn)));
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString("utf8")) as Frame;
      if (frame.stream_id !== streamId) return;
      frames.push(frame);
      if (frame.flags?.some((flag) => flag === "FIN" || flag === "RST") !== true) return;
      socket.close();
      resolve(frames);
    });
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`the router closed ${streamId} with ${code}`)));
  });
}

/** How the router meets a HELLO with these credentials: the error's code, or `welcome`. */
async function greeting(stack: Stack, token: string | undefined): Promise<string> {
  await using client = createClient({
    url: `${stack.routerUrl.replace(/^http/, "ws")}/ws`,
    retry: { attempts: 1 },
    ...(token === undefined ? {} : { token }),
  });
  try {
    await client.stream(question, { window }).final();
    return "welcome";
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

async function reviewed(stack: Stack, token: string): Promise<Evidence["review"]> {
  await using client = createClient({ url: `${stack.routerUrl.replace(/^http/, "ws")}/ws`, token });
  const run = client.stream("Review how a hold is settled.", {
    taskType: "code_review",
    qos: "gold",
    window,
    tools: ["fs.read"],
  });
  let partials = 0;
  const order: string[] = [];
  client.on("frame", ({ direction, frame }) => {
    if (direction === "out" || frame.payload?.type !== "agent.result.partial") return;
    partials++;
    const adapter = String((frame.payload.content as Json)["adapter"]);
    if (adapter !== "undefined" && !order.includes(adapter)) order.push(adapter);
  });
  const final = await run.final();
  return {
    streamId: run.streamId,
    partials,
    order,
    escalations: final.telemetry?.escalations ?? 0,
    tokens: final.telemetry?.tokens ?? 0,
  };
}

function last(frames: readonly Frame[]): Frame {
  const frame = frames.at(-1);
  if (frame === undefined) throw new Error("the router sent nothing");
  return frame;
}

function errorOf({ payload }: Frame): { code: string; message: string } {
  const { code, message } = payload?.content ?? {};
  return {
    code: typeof code === "string" ? code : (payload?.type ?? "nothing"),
    message: typeof message === "string" ? message : "",
  };
}

/** The spans of the question's trace, when the root of it has come. */
async function spansOfQuestion({ sink }: Stack): Promise<readonly SinkSpan[]> {
  const found = await until(() => {
    const chat = sink.spans.find(({ name }) => name === "chat persona");
    const root = sink.spans.find(({ name, traceId }) => name === "atp qa" && traceId === chat?.traceId);
    return Promise.resolve(root && sink.spans.filter(({ traceId }) => traceId === root.traceId));
  });
  return found ?? [];
}

async function scraped(prometheusUrl: string): Promise<number> {
  const query = encodeURIComponent("sum(atp_streams_total)");
  const value = await until(async () => {
    const response = await fetch(`${prometheusUrl}/api/v1/query?query=${query}`);
    const { data } = (await response.json()) as { data?: { result?: readonly { value: [number, string] }[] } };
    const text = data?.result?.[0]?.value[1];
    return text === undefined || Number(text) < 1 ? undefined : Number(text);
  });
  return value ?? 0;
}

const PATIENCE_MS = 10_000;

/** Asks until there is something, for ten seconds. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found !== undefined || performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
