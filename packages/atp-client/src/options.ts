import { defaultLimits } from "atp-protocol";
import type {
  MemoryRequest,
  Meta,
  Qos,
  RequestContent,
  Strategy,
  WelcomeContent,
  Window,
  WireLimits,
} from "atp-protocol";
import type { RetryOptions } from "./backoff.js";
import type { Opening } from "./live-run.js";
import type { ThrottleOptions } from "./throttle.js";
import { jsonCodec, platformSocket, platformWake, systemClock } from "./ports.js";
import type { ClientClock, ClientLogger, SocketFactory, WakeSource, WireCodec } from "./ports.js";

/** Credentials: a token, or a function that is asked again for each connection and each renewal. */
export type TokenSource = string | (() => string | Promise<string>);

/** Asks for a token, if there is one. @throws what the function throws */
export async function askToken(token: TokenSource | undefined): Promise<string | undefined> {
  return typeof token === "function" ? token() : token;
}

/** Options of `createClient`. */
export interface ClientOptions {
  /** The router's `ws:` or `wss:` address, such as `wss://router.example.com/ws`. Credentials never stand in it. */
  readonly url: string;
  readonly token?: TokenSource;
  /** Label of the session. @default a random one */
  readonly sessionId?: string;
  /** How the client names itself to the router. @default atp-client and its version */
  readonly name?: { readonly name: string; readonly version: string };
  /** What the client announces beyond the core of the protocol. @default all but `integrity`, which comes with `integrity` of `atp-client/integrity` */
  readonly capabilities?: readonly ("resume" | "credit" | "fragments" | "integrity")[];
  /** Hosts beside the router's own to which it may send a session, such as `b.example.com:7443`. @default none */
  readonly resumeHosts?: readonly string[];
  /** How long a dial may take, to the router's welcome. @default 10000 */
  readonly connectTimeoutMs?: number;
  readonly retry?: RetryOptions;
  /**
   * Holds requests back, with `EOVERLOAD` and nothing sent, while the router refuses most of their lane. False: never.
   * @default twice as many are sent as are let in, over two minutes
   */
  readonly throttle?: ThrottleOptions | false;
  /** Encodings to offer before JSON, such as `[cbor]` of `atp-client/cbor`; the router picks one. @default none */
  readonly codecs?: readonly WireCodec[];
  /** Bytes of requests that may wait for a connection; a run past it ends with `EQUEUE`. @default 1048576 */
  readonly maxQueuedBytes?: number;
  /** Makes the socket. @default the browser's WebSocket, `ws` on Node */
  readonly socket?: SocketFactory;
  readonly clock?: ClientClock;
  /** Numbers from 0 to below 1, for jitter. @default Math.random */
  readonly random?: () => number;
  /** When to stop waiting for the next attempt. @default the page's `online` and `visibilitychange` */
  readonly wake?: WakeSource;
  /** @default none */
  readonly logger?: ClientLogger;
}

/** Options of `client.stream`. Absent ones have the router's defaults. */
export interface StreamOptions {
  /** The lane. @default "silver" */
  readonly qos?: Qos;
  /** The run's ceilings: calls at once, tokens, micro-dollars. */
  readonly window?: Window;
  readonly taskType?: string;
  readonly strategy?: Strategy;
  /** Tool permissions that the task asks for, such as `fs.read`. */
  readonly tools?: readonly string[];
  readonly memory?: MemoryRequest;
  /** Time for the whole run, from its arrival at the router. */
  readonly deadlineMs?: number;
  /** The same key and content within an hour attach to the first run and cost nothing. */
  readonly idempotencyKey?: string;
  readonly onDisconnect?: "continue" | "cancel";
  /** Further members of the frame's `meta`; the options above win. */
  readonly meta?: Meta;
  readonly ttl?: number;
  /** Aborting it cancels the run. */
  readonly signal?: AbortSignal;
}

/** Where the client's connection stands. */
export type ClientState =
  /** No connection, and none needed. */
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: number }
  /** Waits before the next attempt. */
  | { readonly name: "waiting"; readonly attempt: number; readonly delayMs: number; readonly error: Error }
  | { readonly name: "open"; readonly welcome: WelcomeContent }
  | { readonly name: "closed" };

/** {@link ClientOptions} with every default in place. */
export interface Settings {
  readonly url: string;
  readonly token: TokenSource | undefined;
  readonly sessionId: string;
  readonly client: { readonly name: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly limits: WireLimits;
  readonly connectTimeoutMs: number;
  readonly retry: RetryOptions;
  readonly throttle: ThrottleOptions | false;
  readonly codecs: readonly WireCodec[];
  readonly maxQueuedBytes: number;
  readonly socket: SocketFactory;
  readonly clock: ClientClock;
  readonly random: () => number;
  readonly wake: WakeSource;
  readonly resumeHosts: readonly string[];
  readonly logger: ClientLogger;
}

const label = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * Checks the options and fills in their defaults.
 * @throws TypeError for an address or a session id that cannot work
 */
export function readOptions(options: ClientOptions): Settings {
  const sessionId = options.sessionId ?? randomId();
  if (!label.test(sessionId)) throw new TypeError("sessionId: 1 to 128 of A-Z a-z 0-9 . _ : -");
  return {
    url: checkedUrl(options.url),
    token: options.token,
    sessionId,
    client: options.name ?? { name: "atp-client", version: "0.1.0" },
    capabilities: options.capabilities ?? ["resume", "credit", "fragments"],
    limits: defaultLimits,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    retry: options.retry ?? {},
    throttle: options.throttle ?? {},
    codecs: withJson(options.codecs),
    maxQueuedBytes: options.maxQueuedBytes ?? 1_048_576,
    socket: options.socket ?? platformSocket,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    wake: options.wake ?? platformWake,
    resumeHosts: options.resumeHosts ?? [],
    logger: options.logger ?? {},
  };
}

/** Every router speaks JSON: it is offered last, unless it is among them in a form of its own. */
function withJson(codecs: readonly WireCodec[] = []): readonly WireCodec[] {
  return codecs.some(({ subprotocol }) => subprotocol === jsonCodec.subprotocol) ? codecs : [...codecs, jsonCodec];
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`url: ${JSON.stringify(text)} is no address; it looks like ws://127.0.0.1:7443/ws`);
  }
  if (url.protocol !== "ws:" && url.protocol !== "wss:")
    throw new TypeError(`url: ${url.protocol} is neither ws: nor wss:`);
  if (url.username !== "" || url.password !== "")
    throw new TypeError("url: credentials do not belong in an address; use the option token");
  return url.href;
}

/** Whether a router may send this client there: never from `wss:` to `ws:`, and only to hosts that are known (A9.3). */
export function mayFollow(own: string, target: string, hosts: readonly string[]): boolean {
  const from = new URL(own);
  let to: URL;
  try {
    to = new URL(target);
  } catch {
    return false;
  }
  const isSafe = to.protocol === "wss:" || (to.protocol === "ws:" && from.protocol === "ws:");
  return isSafe && to.username === "" && to.password === "" && (to.host === from.host || hosts.includes(to.host));
}

/** Works also in pages without a secure context, where `crypto.randomUUID` is missing. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `s-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What the SYN of a request says. */
export function openingOf(request: string | RequestContent, options: StreamOptions): Opening {
  const content: RequestContent = typeof request === "string" ? { prompt: request } : request;
  const meta: Meta = {
    ...options.meta,
    ...given("task_type", options.taskType),
    ...given("strategy", options.strategy),
    ...given("tool_permissions", options.tools),
    ...given("memory", options.memory),
    ...given("deadline_ms", options.deadlineMs),
    ...given("idempotency_key", options.idempotencyKey),
    ...given("on_disconnect", options.onDisconnect),
  };
  return {
    ...given("qos", options.qos),
    ...given("ttl", options.ttl),
    ...given("window", options.window),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
    payload: { type: "agent.request", content },
  };
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}
