import type { ErrorContent, Payload, Qos, Window, WireLimits } from "atp-protocol";
import type { NonceStore } from "atp-protocol/integrity";
import type { ReplayStore } from "atp-protocol/replay";
import type { LaneState, PoolState } from "../lanes/index.js";
import type { AdapterStatus, Lane, Limits, Principal, Route, TailsOptions } from "../model/index.js";
import type { AdapterState } from "../routing/index.js";
import type {
  AdapterPort,
  Clock,
  Credentials,
  IdentityPort,
  LedgerStore,
  MemoryPort,
  Observer,
  PolicyPort,
  Rng,
  RunStore,
  TracingPort,
  LearningStore,
} from "../ports/index.js";
import type { Similarity } from "../consensus/index.js";
import type { Redactor } from "../policy/redact.js";
import type { AnswerCacheConfig } from "./answer-cache.js";
import type { Period } from "../money/index.js";
import type { BudgetsView } from "./budget-view.js";
import type { IntegrityConfig } from "./integrity.js";
import type { Learned, LearningConfig } from "./learning.js";
import type { SocketHandler, SocketInfo, SocketPort } from "./socket.js";

/** Limits of a router beside the wire's own. */
export interface RouterLimits {
  /** Calls that run at once over all adapters. @default 256 */
  readonly maxConcurrentCalls: number;
  /** How long an adapter may take for an Estimate. @default 2000 */
  readonly estimateTimeoutMs: number;
  /** How long shared memory may take; late memory is skipped and said so. @default 500 */
  readonly memoryTimeoutMs: number;
  /** How long policy may take. @default 1000 */
  readonly policyTimeoutMs: number;
  /** The longest a stream may run when its client sets no deadline. @default 600000 */
  readonly maxStreamMs: number;
  /** How long a stream may wait for a window to free. @default 30000 */
  readonly maxWindowWaitMs: number;
  /** What all sessions hold, with 128 KiB for each open stream; past it new streams are refused. @default 512 MiB */
  readonly memoryBudgetBytes: number;
}

/** A tenant's ceilings and rights. */
export interface TenantConfig {
  /** Absent: unlimited. Without a `period` what is spent is spent for good. */
  readonly budget?: Limits & { readonly period?: Period };
  /** Lanes it may use; others are lowered to its best one. @default all */
  readonly lanes?: readonly Lane[];
}

/** How lanes share the slots, and what is done when there is too much work. */
export interface LaneOptions
  extends Partial<
    Record<
      Lane,
      {
        /** Its share of the work while all lanes wait: an integer above 0. @default gold 8, silver 3, bronze 1 */
        readonly weight?: number;
        /** Slots that only it may take. @default gold 1, the others 0 */
        readonly reserved?: number;
        /** How much of its time to its deadline a call may wait, over 0 to 1. @default gold 0.9, silver 0.8, bronze 0.7 */
        readonly waitShare?: number;
      }
    >
  > {
  /** What a token of input and of output costs a tenant: integers above 0. @default 1 and 2 */
  readonly cost?: { readonly in: number; readonly out: number };
  /** Cut running bronze for gold that waits too long. @default true */
  readonly preempt?: boolean;
  /** Learn how many calls each adapter takes at once. @default true */
  readonly learnLimits?: boolean;
}

/** One adapter's slots, by the adapter's name in {@link LanesReport}. */
export interface AdapterSlots extends PoolState {
  readonly status: AdapterStatus;
}

/** What waits and what runs: the answer of `GET /v1/lanes`. */
export interface LanesReport {
  readonly slots: number;
  readonly running: number;
  /** How much of what comes is let in while the router itself is short of time or memory, 0 to 1. */
  readonly admitted_share: number;
  readonly lanes: Readonly<Record<Lane, LaneState>>;
  readonly adapters: Readonly<Record<string, AdapterSlots>>;
}

/** Ceilings of a session: what `control.welcome` calls its lease. */
export interface Lease {
  readonly max_parallel: number;
  readonly max_tokens: number;
  readonly max_usd_micros: number;
}

/** What {@link createRouter} is made of. Only `adapters` is needed. */
export interface RouterConfig {
  readonly adapters: readonly AdapterPort[];
  /** @default allows the tool permission `fs.read` and no other */
  readonly policy?: PolicyPort;
  /** @default none: what `meta.memory` asks for is skipped, and telemetry says so */
  readonly memory?: MemoryPort;
  /** @default in process memory */
  readonly ledger?: LedgerStore;
  /** @default everyone is the tenant `default` */
  readonly identity?: IdentityPort;
  /** Gives answers again for equal questions. @default off */
  readonly cache?: AnswerCacheConfig;
  /** Takes secrets and personal data out of prompts where policy says so. @default `redactText` of `atp-router-core/policy` */
  readonly redactor?: Redactor;
  /** The first route that matches a task wins. @default none */
  readonly routes?: readonly Route[];
  readonly tenants?: Readonly<Record<string, TenantConfig>>;
  readonly lanes?: LaneOptions;
  /** @default 64 calls, 10,000,000 tokens, 10,000,000 micro-dollars */
  readonly lease?: Lease;
  readonly limits?: Partial<WireLimits & RouterLimits>;
  readonly observer?: Observer;
  /** How much of the memory it may use the process does, 0 to 1: above 0.8 less is let in. @default not looked at */
  readonly memoryShare?: () => number;
  /** Follows streams from frame to call, such as `otelTracing` of `atp-router-core/otel`. @default nobody */
  readonly tracing?: TracingPort;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's, cryptographically strong */
  readonly rng?: Rng;
  /** SHA-256 of a text as hexadecimal text: resume tokens are kept as hashes only. @default the platform's Web Crypto */
  readonly hash?: (text: string) => string | Promise<string>;
  /** Signed frames (A10). @default off */
  readonly integrity?: IntegrityConfig;
  /** Where the nonces of signed frames are remembered: shared by all routers that a frame could be sent to again. @default this router's memory */
  readonly nonces?: NonceStore;
  readonly server?: { readonly name: string; readonly version: string };
  /**
   * What routers share so that a client may resume at any of them (A9.3).
   * @default none: a client resumes where it was
   */
  readonly replay?: ReplayStore;
  /**
   * Where idempotency keys are kept, so that one counts at every router that shares it (A9.4).
   * @default this router's memory
   */
  readonly runs?: RunStore;
  /** The `ws:` or `wss:` address to which clients move when this router drains (A9.6). @default the one that they dialled */
  readonly resumeUrl?: string;
  /** @default nothing is learned */
  readonly learning?: LearningConfig;
  /** Where routers share what they learned, every ten seconds and off the way of requests. @default each learns for itself */
  readonly learningStore?: LearningStore;
  /** Whether two free texts say the same, and the name by which FINALs tell it. Synchronous. @default shared word triples, `lexical` */
  readonly similarity?: Similarity;
  /** What is done about slow and failing adapters. @default hedges, retries, restarts, breaker and outlier ejection by their defaults */
  readonly tails?: TailsOptions;
}

/** A dry run's question: members of a SYN. */
export interface ExplainRequest {
  readonly qos?: Qos;
  readonly window?: Window;
  readonly meta?: unknown;
  readonly payload: Payload;
}

/** One adapter as the router sees it. */
export interface AdapterView extends AdapterState {
  readonly running: number;
}

/** What a router is doing now. */
export interface RouterView {
  readonly adapters: readonly AdapterView[];
  readonly lanes: LanesReport;
  readonly streams: number;
  readonly sockets: number;
  /** What all sessions hold for their readers: unsent, unacknowledged, kept for a resume. Admission holds it to `memoryBudgetBytes`. */
  readonly bufferedBytes: number;
  readonly draining: boolean;
}

/** Whether a router can do its work, part by part. */
export interface Readiness {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;
}

/** A router to embed. */
export interface Router {
  /** Takes a socket that opened. */
  connect(socket: SocketPort, info: SocketInfo): SocketHandler;
  /** Policy, candidates with estimates, plan and holds for a question, without running it. Spends nothing. */
  explain(
    request: ExplainRequest,
    credentials: Credentials,
  ): Promise<Readonly<Record<string, unknown>> | { readonly error: ErrorContent }>;
  /**
   * Who shows these credentials; what part C asks before it answers.
   * @throws AtpError `EAUTH`
   */
  authenticate(credentials: Credentials): Promise<Principal>;
  view(): RouterView;
  /** Balances of tenants and of their open sessions: with identity the principal's own, unless it may see all. */
  budgets(principal?: Principal): Promise<BudgetsView>;
  /** What was learned; absent when nothing is. */
  readonly learning?: Learned;
  ready(): Promise<Readiness>;
  /** Takes other routes and tenants from now on; streams that run go on under what they began with, but for their tenant's ceilings. */
  reconfigure(next: Pick<RouterConfig, "routes" | "tenants">): void;
  /** Refuses new streams, lets open ones finish within `drainMs`, then ends and settles the rest. Resolves when all sockets are closed. */
  drain(options?: { readonly drainMs?: number }): Promise<void>;
  /** Ends everything now, settled. */
  close(): Promise<void>;
}
