import { request as httpRequest, Agent as HttpAgent } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";
import { requestHead, SpanBytes } from "./span-bytes.js";
import type { EndedSpan, SpanAttributes } from "./span-bytes.js";

/** Options of {@link SpanSender}. Defaults are those of OpenTelemetry's batch processor and its OTLP exporter. */
export interface SpanSenderOptions {
  /** The whole address, such as `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the process is; asked for when the first spans go. */
  readonly resource: () => Promise<SpanAttributes>;
  readonly scope: string;
  /** Spans of one request. @default 512 */
  readonly batchSpans?: number;
  /** Spans that may wait; what ends beyond is lost and counted. @default 2048 */
  readonly queueSpans?: number;
  /** How long a span waits for others. @default 5000 */
  readonly delayMs?: number;
  /** How long one request, with its repetitions, may take. @default 10000 */
  readonly timeoutMs?: number;
}

interface Batch {
  readonly spans: Buffer;
  readonly count: number;
}

/** A collector that says so may be asked again (OTLP, "Failures"). */
const RETRYABLE = new Set([429, 502, 503, 504]);
const FIRST_BREATH_MS = 500;

/**
 * Sends ended spans over OTLP/HTTP in protobuf, one request at a time. What a collector that is slow or gone does not take waits up to a
 * bound, then it is lost and counted; nothing waits for it.
 */
export class SpanSender {
  /** Spans that found no room, or that the collector did not take. */
  lost = 0;
  private readonly spans = new SpanBytes();
  private readonly queue: Batch[] = [];
  private readonly batchSpans: number;
  private readonly queueSpans: number;
  private readonly agent: HttpAgent;
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;
  private resource: SpanAttributes | undefined;

  constructor(private readonly options: SpanSenderOptions) {
    this.queueSpans = options.queueSpans ?? 2_048;
    this.batchSpans = Math.min(options.batchSpans ?? 512, this.queueSpans);
    const keep = { keepAlive: true, maxSockets: 1 };
    this.agent = options.url.startsWith("https:") ? new HttpsAgent(keep) : new HttpAgent(keep);
  }

  /** Takes a span; never waits, never throws. */
  add(span: EndedSpan): void {
    if (this.waiting >= this.queueSpans) {
      this.lost++;
      return;
    }
    this.waiting++;
    this.spans.append(span);
    if (this.spans.count >= this.batchSpans) this.seal();
    else if (this.timer === undefined) {
      this.timer = setTimeout(() => this.seal(), this.options.delayMs ?? 5_000);
      this.timer.unref();
    }
  }

  /** Sends what is there. Resolves when it is sent or lost. */
  async close(): Promise<void> {
    this.seal();
    await this.sending;
    this.agent.destroy();
  }

  private seal(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { count } = this.spans;
    if (count > 0) this.queue.push({ count, spans: this.spans.take() });
    if (this.queue.length > 0) this.sending ??= this.drain().finally(() => (this.sending = undefined));
  }

  private async drain(): Promise<void> {
    for (let batch = this.queue.shift(); batch !== undefined; batch = this.queue.shift()) {
      if (!(await this.send(batch))) this.lost += batch.count;
      this.waiting -= batch.count;
    }
  }

  private async send({ spans }: Batch): Promise<boolean> {
    const until = performance.now() + (this.options.timeoutMs ?? 10_000);
    this.resource ??= await this.options.resource().catch(() => ({}));
    const head = requestHead(this.resource, this.options.scope, spans.length);
    for (let breathMs = FIRST_BREATH_MS; ; breathMs *= 2) {
      const status = await this.post(head, spans, until - performance.now());
      if (status >= 200 && status < 300) return true;
      const leftMs = until - performance.now();
      if (!(status === 0 || RETRYABLE.has(status)) || leftMs <= breathMs) return false;
      // Not all at once after a collector's restart.
      await new Promise((resolve) => setTimeout(resolve, breathMs * (0.5 + Math.random() / 2)).unref());
    }
  }

  /** @returns the answer's status, 0 when none came */
  private post(head: Buffer, spans: Buffer, timeoutMs: number): Promise<number> {
    return new Promise((resolve) => {
      const send = this.options.url.startsWith("https:") ? httpsRequest : httpRequest;
      const headers = {
        ...this.options.headers,
        "content-type": "application/x-protobuf",
        "content-length": head.length + spans.length,
        "user-agent": "OTel-OTLP-Exporter-atp-router-core",
      };
      const outgoing = send(
        this.options.url,
        { method: "POST", agent: this.agent, headers },
        (answer: IncomingMessage) => {
          answer.resume().on("end", () => done(answer.statusCode ?? 0));
          answer.on("error", () => done(0));
        },
      );
      const late = setTimeout(() => outgoing.destroy(new Error("late")), Math.max(0, timeoutMs));
      late.unref();
      const done = (status: number): void => {
        clearTimeout(late);
        resolve(status);
      };
      outgoing.on("error", () => done(0));
      outgoing.write(head);
      outgoing.end(spans);
    });
  }
}
