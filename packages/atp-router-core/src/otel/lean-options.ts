import type { Sampling } from "./lean-tracer.js";
import type { SpanSenderOptions } from "./span-sender.js";

/** What a lean pipeline needs to know. */
export interface LeanOptions {
  readonly sampling: Sampling;
  readonly sender: Omit<SpanSenderOptions, "resource" | "scope">;
}

type Env = Readonly<Record<string, string | undefined>>;

/** What the SDK's own pipeline of spans does and the lean one does not: with one of these set, the SDK's is used. */
const OTHERS =
  /^OTEL_(EXPORTER_OTLP_(TRACES_)?(CERTIFICATE|CLIENT_\w+|COMPRESSION|INSECURE)|SPAN_\w+|ATTRIBUTE_\w+|BSP_EXPORT_TIMEOUT|SDK_DISABLED|CONFIG_FILE|NODE_RESOURCE_DETECTORS|NODE_EXPERIMENTAL_SDK_METRICS)$/;

const samplers: Readonly<Record<string, (ratio: number) => Sampling>> = {
  always_on: () => ({ ratio: 1, parentBased: false }),
  always_off: () => ({ ratio: 0, parentBased: false }),
  traceidratio: (ratio) => ({ ratio, parentBased: false }),
  parentbased_always_on: () => ({ ratio: 1, parentBased: true }),
  parentbased_always_off: () => ({ ratio: 0, parentBased: true }),
  parentbased_traceidratio: (ratio) => ({ ratio, parentBased: true }),
};

/**
 * What `OTEL_*` variables say of traces, for the lean pipeline; undefined when they ask for more than it does: another exporter or
 * protocol than OTLP over HTTP in protobuf, certificates, compression, limits of spans, a sampler or a number that is unknown.
 */
export function leanOptions(env: Env): LeanOptions | undefined {
  const of = (name: string): string | undefined => env[`OTEL_${name}`] || undefined;
  const ofTraces = (name: string): string | undefined =>
    of(`EXPORTER_OTLP_TRACES_${name}`) ?? of(`EXPORTER_OTLP_${name}`);
  if (Object.keys(env).some((name) => OTHERS.test(name) && env[name] !== "")) return undefined;
  if ((of("TRACES_EXPORTER") ?? "otlp") !== "otlp") return undefined;
  if ((ofTraces("PROTOCOL") ?? "http/protobuf") !== "http/protobuf") return undefined;
  const sampler = samplers[of("TRACES_SAMPLER") ?? "parentbased_always_on"];
  const ratio = Number(of("TRACES_SAMPLER_ARG") ?? 1);
  const url = urlOf(of("EXPORTER_OTLP_TRACES_ENDPOINT"), of("EXPORTER_OTLP_ENDPOINT"));
  const headers = { ...headersOf(of("EXPORTER_OTLP_HEADERS")), ...headersOf(of("EXPORTER_OTLP_TRACES_HEADERS")) };
  const numbers = {
    batchSpans: of("BSP_MAX_EXPORT_BATCH_SIZE"),
    queueSpans: of("BSP_MAX_QUEUE_SIZE"),
    delayMs: of("BSP_SCHEDULE_DELAY"),
    timeoutMs: ofTraces("TIMEOUT"),
  };
  const said: (readonly [string, number])[] = [];
  for (const [name, text] of Object.entries(numbers)) if (text !== undefined) said.push([name, Number(text)]);
  const bad = said.some(([, value]) => !Number.isSafeInteger(value) || value < 1);
  if (url === undefined || sampler === undefined || !(ratio >= 0 && ratio <= 1) || bad) return undefined;
  return {
    sampling: sampler(ratio),
    sender: { url, headers, ...(Object.fromEntries(said) as Partial<SpanSenderOptions>) },
  };
}

/** The address for traces as it is, or the common one with its path (OTLP exporter, "Endpoint URLs"). */
function urlOf(traces: string | undefined, common: string | undefined): string | undefined {
  const url = traces ?? (common === undefined ? undefined : `${common.replace(/\/$/, "")}/v1/traces`);
  return url !== undefined && /^https?:/.test(url) && URL.canParse(url) ? url : undefined;
}

/** `name=value` by commas, percent-encoded, as W3C Baggage writes it. */
function headersOf(text: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of text?.split(",") ?? []) {
    const at = pair.indexOf("=");
    if (at > 0) headers[pair.slice(0, at).trim().toLowerCase()] = decoded(pair.slice(at + 1).trim());
  }
  return headers;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
