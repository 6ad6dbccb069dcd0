import type { Failure, Limits, PolicyDecision } from "../model/index.js";
import type { AdapterFailure, Clock, LedgerStore, StreamTrace } from "../ports/index.js";
import type {
  LimitSources,
  OuterScope,
  RedactedPrompt,
  RouterOwn,
  StreamArtifact,
  StreamEffect,
} from "../stream/index.js";
import type { Emit, StreamHost } from "./host.js";
import { redactJson } from "../policy/redact.js";
import { promptJsonOf } from "./request.js";
import type { Tools } from "./tools.js";

type Effect = Exclude<StreamEffect, { t: RouterOwn }>;

export function askPolicy(tools: Tools, host: StreamHost, effect: Extract<Effect, { t: "policy.ask" }>): void {
  const { clock, emit, policy, limits } = tools;
  const { key } = host;
  let traced: ReturnType<StreamTrace["step"]> | undefined;
  const tell = (decision: PolicyDecision): void => {
    const redacted =
      decision.allow && decision.redact !== undefined ? redactedPrompt(tools, host, decision.redact) : null;
    host.unlogged = decision.forbid?.includes("log") === true;
    traced?.(decision.allow ? {} : { error: "denied" });
    emit({ t: "policy.decided", at: clock.now(), key, decision, ...(redacted === null ? {} : { redacted }) });
  };
  const refuse = (error: unknown): void => {
    traced?.({ error: "unavailable" });
    const message = error instanceof Error ? error.message : String(error);
    emit({ t: "policy.failed", at: clock.now(), key, message });
  };
  try {
    const decision = policy.decide(effect.input, { deadlineAt: clock.now() + limits.policyTimeoutMs });
    if ("then" in decision) {
      // A policy that answers at once, as the embedded one does, takes no time that a span could show.
      traced = host.trace?.step("policy");
      within(clock, limits.policyTimeoutMs, decision).then(tell, refuse);
    } else tell(decision);
  } catch (error) {
    refuse(error);
  }
}

/** The prompt without what policy wants out of it. */
function redactedPrompt(tools: Tools, { task }: StreamHost, kinds: true | readonly string[]): RedactedPrompt {
  const { value, found } = redactJson(task.content, tools.redactor, kinds === true ? undefined : kinds);
  return { content: value, promptJson: promptJsonOf(value), found };
}

export function estimate(tools: Tools, host: StreamHost, effect: Extract<Effect, { t: "adapter.estimate" }>): void {
  const { clock, emit, limits } = tools;
  const { key } = host;
  const adapter = effect.adapter;
  const tell = (result: Extract<Parameters<Emit>[0], { t: "adapter.estimated" }>["result"]): void =>
    emit({ t: "adapter.estimated", at: clock.now(), key, adapter, result });
  const port = tools.adapters.get(adapter);
  if (port === undefined) {
    tell({ failure: { kind: "unavailable", message: "is not configured any more", sent: false } });
    return;
  }
  const { task } = effect;
  const traced = host.trace?.call({ operation: "estimate", attempt: 0, ...nameOf(tools, adapter) });
  const traceparent = traced?.traceparent ?? host.traceparent;
  port
    .estimate(
      {
        callId: `${host.callPrefix}.estimate`,
        session: host.session,
        qos: host.qos,
        attempt: 0,
        ...(traceparent === undefined ? {} : { traceparent }),
        taskType: task.taskType,
        promptJson: task.promptJson,
        maxOutputTokens: task.content.max_output_tokens ?? 0,
      },
      { deadlineAt: Math.min(effect.deadlineAt, clock.now() + limits.estimateTimeoutMs) },
    )
    .then(
      (quote) => {
        traced?.end({ inTokens: quote.inTokens, outTokens: quote.outTokens, usdMicros: quote.usdMicros });
        tell({ estimate: quote });
      },
      (error: unknown) => {
        const failure = toFailure(error);
        traced?.end({ error: failure.kind });
        if (failure.kind === "unavailable") emit({ t: "adapter.unhealthy", at: clock.now(), adapter, failure });
        tools.observer?.observe({ t: "adapter.failed", adapter, key, failure });
        tell({ failure });
      },
    );
}

/** What a trace calls an adapter. */
export function nameOf(tools: Tools, id: string): { readonly adapter: string; readonly model?: string } {
  const { name, model } = tools.describe(id);
  return { adapter: name, ...(model === undefined ? {} : { model }) };
}

/** The failure in what a port threw; anything but an AdapterFailure is a defect of the port. */
export function toFailure(error: unknown): Failure {
  const failure = (error as Partial<AdapterFailure> | null)?.failure;
  if (failure !== undefined) return failure;
  return { kind: "internal", message: error instanceof Error ? error.message : String(error), sent: true };
}

export async function readLeft(
  ledger: LedgerStore,
  scopes: readonly OuterScope[],
): Promise<{ left: Limits; from: LimitSources }> {
  const from: LimitSources = {};
  const least: { -readonly [D in keyof Limits]: Limits[D] } = {};
  // A store that cannot answer refuses the hold itself, and says why; a plan may be made without it.
  // One without ceilings has nothing to tell.
  const balances = await Promise.all(
    scopes.map(async ({ key, limits }) => (isUnlimited(limits) ? undefined : ledger.read(key).catch(() => undefined))),
  );
  for (const [i, scope] of scopes.entries()) {
    const balance = balances[i];
    for (const dimension of ["parallel", "tokens", "usdMicros"] as const) {
      const limit = balance === undefined ? scope.limits[dimension] : balance.limits[dimension];
      if (limit === undefined) continue;
      const left = limit - (balance === undefined ? 0 : balance.posted[dimension]);
      if (left >= (least[dimension] ?? Infinity)) continue;
      least[dimension] = left;
      from[dimension] = scope.key;
    }
  }
  return { left: least, from };
}

function isUnlimited({ parallel, tokens, usdMicros }: Limits): boolean {
  return parallel === undefined && tokens === undefined && usdMicros === undefined;
}

export function readMemory(tools: Tools, host: StreamHost, effect: Extract<Effect, { t: "memory.read" }>): void {
  const { clock, emit, memory, limits } = tools;
  const { key } = host;
  const traced = host.trace?.step("memory.read");
  const tell = (values: Record<string, unknown>, problem?: string): void => {
    traced?.(problem === undefined ? {} : { error: problem });
    emit({ t: "memory.read", at: clock.now(), key, values, ...(problem === undefined ? {} : { problem }) });
  };
  if (memory === undefined) {
    tell({}, "no memory gateway is configured");
    return;
  }
  const values: Record<string, unknown> = {};
  const options = { deadlineAt: clock.now() + limits.memoryTimeoutMs };
  const reads = effect.keys.map(async (name) => {
    const object = await memory.get(effect.namespace, name, options);
    if (object !== undefined) values[name] = object;
  });
  within(clock, limits.memoryTimeoutMs, Promise.allSettled(reads)).then(
    (results) =>
      tell({ ...values }, results.some((r) => r.status === "rejected") ? "memory could not be read" : undefined),
    () => tell({ ...values }, "memory was late"),
  );
}

/** Puts what a stream leaves into shared memory. Nobody waits for it; what went wrong is observed. Never rejects. */
export function writeMemory(tools: Tools, host: StreamHost, artifact: StreamArtifact): Promise<void> {
  const { clock, memory, limits, observer } = tools;
  const { namespace, keys, object } = artifact;
  const traced = host.trace?.step("memory.write");
  const tell = (problem?: string): void => {
    traced?.(problem === undefined ? {} : { error: problem });
    const { key, tenant } = host;
    observer?.observe({
      t: "memory.written",
      key,
      tenant,
      namespace,
      keys,
      ...(problem === undefined ? {} : { problem }),
    });
  };
  if (memory === undefined) {
    tell("no memory gateway is configured");
    return Promise.resolve();
  }
  const options = { deadlineAt: clock.now() + limits.memoryTimeoutMs };
  const writes = keys.map(async (name) => memory.put(namespace, name, object, options));
  return within(clock, limits.memoryTimeoutMs, Promise.all(writes)).then(
    () => tell(),
    () => tell("memory could not be written in time"),
  );
}

export function probe(tools: Tools, adapter: string): void {
  const { clock, emit, limits } = tools;
  const port = tools.adapters.get(adapter);
  if (port === undefined) return;
  port.health({ deadlineAt: clock.now() + limits.estimateTimeoutMs }).then(
    (health) => emit({ t: "adapter.healthy", at: clock.now(), adapter, health }),
    (error: unknown) => emit({ t: "adapter.unhealthy", at: clock.now(), adapter, failure: toFailure(error) }),
  );
}

/** The promise's value, or a rejection when it takes longer. */
function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = clock.at(clock.now() + ms, () => reject(new Error(`no answer within ${ms} ms`)));
    promise.then(resolve, reject).finally(stop);
  });
}
