/**
 * The adapter service of part B over an {@link Adapter}: parsing, limits, error mapping, what Health tells.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { type AdapterService, type HealthResponseSchema, HealthResponse_Status } from "atp-protocol/adapter";
import { CallStats } from "./call-stats.js";
import { toConnectError } from "./errors.js";
import { toEstimateMessage } from "./estimate.js";
import type { Logger } from "./logger.js";
import { parseMetadata, parseRequest } from "./request.js";
import { type Chunk, runStream } from "./stream-call.js";
import type { Adapter, AdapterHealth } from "./types.js";

const busyRetryMs = 250;
const failedHealthRetryMs = 1_000;

/** The service and the two things its server has to know: how many calls run, and how to stop new ones. */
export interface AdapterServer {
  readonly implementation: ServiceImpl<typeof AdapterService>;
  /** From now on new calls get UNAVAILABLE and Health says DRAINING. */
  drain(): void;
  readonly draining: boolean;
  /** Resolves when no call runs. */
  idle(): Promise<void>;
  /** Whether a load balancer should send calls here: not while draining, paused or failing. */
  serving(): Promise<boolean>;
}

/** What the service needs besides the adapter. */
export interface AdapterServerOptions {
  readonly log: Logger;
  /** A steady clock in milliseconds. */
  readonly now: () => number;
}

/** Puts an adapter behind the service of part B. */
export function createAdapterServer(adapter: Adapter, options: AdapterServerOptions): AdapterServer {
  return new Server(adapter, options);
}

class Server implements AdapterServer {
  readonly implementation: ServiceImpl<typeof AdapterService>;
  draining = false;
  private running = 0;
  private waitingForIdle: (() => void)[] = [];
  private readonly stats = new CallStats();

  constructor(
    private readonly adapter: Adapter,
    private readonly options: AdapterServerOptions,
  ) {
    this.implementation = {
      estimate: async (request, context) => {
        this.refuseWhileDraining();
        return this.guard(context, async () => {
          const call = { signal: context.signal, metadata: parseMetadata(context.requestHeader) };
          const estimate = await adapter.estimate(parseRequest(request), call);
          return toEstimateMessage(estimate, adapter.prices);
        });
      },
      stream: (request, context) => this.stream(request, context),
      health: () => this.health(),
    };
  }

  drain(): void {
    this.draining = true;
  }

  idle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.waitingForIdle.push(resolve));
  }

  async serving(): Promise<boolean> {
    if (this.draining) return false;
    const own = await this.ownHealth();
    return own !== undefined && own.status !== "pause";
  }

  private async *stream(
    raw: Parameters<ServiceImpl<typeof AdapterService>["stream"]>[0],
    context: HandlerContext,
  ): AsyncGenerator<Chunk, void, undefined> {
    this.refuseWhileDraining();
    if (this.running >= this.adapter.maxParallel) {
      throw new ConnectError(
        `the adapter runs ${String(this.adapter.maxParallel)} calls at once`,
        Code.ResourceExhausted,
        {
          "grpc-retry-pushback-ms": String(busyRetryMs),
        },
      );
    }
    const startedAt = this.options.now();
    this.running += 1;
    let failure: ConnectError | undefined;
    let completed = false;
    try {
      const request = parseRequest(raw);
      const call = {
        signal: context.signal,
        metadata: parseMetadata(context.requestHeader),
        maxOutputTokens: request.maxOutputTokens,
        context: request.context,
      };
      yield* runStream(this.adapter, request, call, this.options.log);
      completed = true;
    } catch (thrown) {
      failure = this.toStatus(thrown, context);
      throw failure;
    } finally {
      this.running -= 1;
      const endedAt = this.options.now();
      const outcome = completed ? "ok" : outcomeOf(failure);
      if (outcome !== "not_ours") this.stats.record(endedAt, endedAt - startedAt, outcome === "failed");
      this.options.log.debug("call ended", { stream_id: raw.streamId, outcome, ms: Math.round(endedAt - startedAt) });
      if (this.running === 0) for (const resolve of this.waitingForIdle.splice(0)) resolve();
    }
  }

  private async health(): Promise<MessageInitShape<typeof HealthResponseSchema>> {
    const { adapter } = this;
    const own = await this.ownHealth();
    const { p95Ms, errorRate } = this.stats.read(this.options.now());
    const status = this.status(own);
    const retryAfterMs =
      own === undefined
        ? failedHealthRetryMs
        : (own.retryAfterMs ?? (status === HealthResponse_Status.BUSY ? busyRetryMs : 0));
    return {
      p95Ms,
      errorRate,
      status,
      suggestedMaxParallel: own?.suggestedMaxParallel ?? adapter.maxParallel,
      retryAfterMs: Math.max(0, Math.ceil(retryAfterMs)),
      name: adapter.name,
      model: adapter.model ?? "",
      version: adapter.version ?? "",
      contextTokens: BigInt(adapter.contextTokens ?? 0),
      tags: [...adapter.tags],
      usdMicrosPerMtokIn: BigInt(adapter.prices?.inUsdMicrosPerMtok ?? 0),
      usdMicrosPerMtokOut: BigInt(adapter.prices?.outUsdMicrosPerMtok ?? 0),
    };
  }

  private status(own: AdapterHealth | undefined): HealthResponse_Status {
    if (this.draining) return HealthResponse_Status.DRAINING;
    if (own === undefined || own.status === "pause") return HealthResponse_Status.PAUSE;
    const busy = own.status === "busy" || this.running >= this.adapter.maxParallel;
    return busy ? HealthResponse_Status.BUSY : HealthResponse_Status.READY;
  }

  /** The author's own word; undefined when asking failed. */
  private async ownHealth(): Promise<AdapterHealth | undefined> {
    try {
      return (await this.adapter.health?.()) ?? {};
    } catch (thrown) {
      this.options.log.warn("health failed", { cause: describe(thrown) });
      return undefined;
    }
  }

  private refuseWhileDraining(): void {
    if (this.draining) throw new ConnectError("the adapter is shutting down", Code.Unavailable);
  }

  private async guard<T>(context: HandlerContext, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (thrown) {
      throw this.toStatus(thrown, context);
    }
  }

  private toStatus(thrown: unknown, context: HandlerContext): ConnectError {
    return toConnectError(thrown, {
      signal: context.signal,
      onInternal: (id, cause) => this.options.log.error("the adapter failed", { id, cause: describe(cause) }),
    });
  }
}

/** Whose failure an end is: a cancel, a deadline or a bad request says nothing about the adapter's health. */
function outcomeOf(failure: ConnectError | undefined): "failed" | "not_ours" {
  if (failure === undefined) return "not_ours";
  const callers = [Code.Canceled, Code.InvalidArgument, Code.PermissionDenied, Code.FailedPrecondition];
  return callers.includes(failure.code) ? "not_ours" : "failed";
}

/** For the log only; it may hold what the wire must not. */
function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
