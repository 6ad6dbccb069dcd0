import type { AdapterFailure } from "../ports/index.js";
import type { AdapterPort, Clock, LedgerStore, MemoryPort, Observer, PolicyPort } from "../ports/index.js";
import type { Failure, Limits, PolicyDecision } from "../model/index.js";
import type { RouterEffect } from "../router/index.js";
import type { LimitSources, OuterScope, StreamEffect } from "../stream/index.js";
import type { Emit, StreamHost } from "./host.js";
import { openLeg } from "./leg.js";
import type { LedgerDesk } from "./ledger-desk.js";
import type { RouterLimits } from "./router.js";

/** What effects are performed with. */
export interface Tools {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly adapters: ReadonlyMap<string, AdapterPort>;
  readonly policy: PolicyPort;
  readonly memory: MemoryPort | undefined;
  readonly ledger: LedgerStore;
  readonly desk: LedgerDesk;
  readonly observer: Observer | undefined;
  readonly limits: RouterLimits;
  readonly hosts: ReadonlyMap<string, StreamHost>;
  /** Called after the stream's end was told. */
  readonly closed: (host: StreamHost) => void;
}

/** Performs one effect. Every result, refusal, throw and timer becomes exactly one event. */
export function perform(tools: Tools, effect: RouterEffect): void {
  switch (effect.t) {
    case "adapter.probe":
      probe(tools, effect.adapter);
      return;
    case "adapter.status":
      tools.observer?.observe(effect);
      return;
    default: {
      const host = tools.hosts.get(effect.key);
      if (host === undefined) settleOnly(tools, effect);
      else performStream(tools, host, effect);
    }
  }
}

/** Of a stream that is gone only its money still matters. */
function settleOnly(tools: Tools, effect: RouterEffect): void {
  if (effect.t === "hold.settle") tools.desk.settle(effect.hold, effect.used);
  else if (effect.t === "hold.void") tools.desk.void(effect.hold);
}

type Effect = Exclude<StreamEffect, { t: `lane.${string}` }>;

function performStream(tools: Tools, host: StreamHost, effect: Effect): void {
  const { clock, emit, desk } = tools;
  const { key } = host;
  switch (effect.t) {
    case "send":
      host.output.send(host.ref, effect.payload, effect.mergeKey);
      return;
    case "leg.demand": {
      const slot = host.legs.get(effect.leg);
      if (slot === undefined) return;
      if (slot.handle === null) slot.demand += effect.n;
      else slot.handle.demand(effect.n);
      return;
    }
    case "policy.ask":
      askPolicy(tools, key, effect);
      return;
    case "accept":
      host.output.accept(host.ref, effect.qos, effect.window);
      return;
    case "adapter.estimate":
      estimate(tools, host, effect);
      return;
    case "money.read":
      void readLeft(tools.ledger, effect.scopes).then((room) => emit({ t: "money.left", at: clock.now(), key, ...room }));
      return;
    case "money.limit":
      desk.setLimit(`stream:${key}`, effect.window);
      return;
    case "memory.read":
      readMemory(tools, key, effect);
      return;
    case "memory.write":
      writeMemory(tools, key, effect);
      return;
    case "hold.reserve": {
      const scopes = [{ source: "stream" as const, key: `stream:${key}`, limits: effect.window }, ...effect.scopes];
      tools.ledger.reserve(effect.hold, scopes, effect.amounts, effect.ttlMs).then(
        (result) =>
          emit(
            result.ok
              ? { t: "hold.granted", at: clock.now(), key, leg: effect.leg }
              : {
                  t: "hold.refused",
                  at: clock.now(),
                  key,
                  leg: effect.leg,
                  refusal: result.refusal,
                  left: result.left,
                },
          ),
        () => {
          // It may have been applied: what may stand is taken back.
          desk.void(effect.hold);
          emit({ t: "hold.unavailable", at: clock.now(), key, leg: effect.leg });
        },
      );
      return;
    }
    case "hold.extend":
      tools.ledger.extend(effect.hold, effect.attempt, effect.more).then(
        (result) =>
          emit(
            result.ok
              ? { t: "hold.extended", at: clock.now(), key, leg: effect.leg, more: effect.more }
              : { t: "hold.notExtended", at: clock.now(), key, leg: effect.leg },
          ),
        () => emit({ t: "hold.unavailable", at: clock.now(), key, leg: effect.leg }),
      );
      return;
    case "hold.settle":
      desk.settle(effect.hold, effect.used);
      return;
    case "hold.void":
      desk.void(effect.hold);
      return;
    case "leg.start":
      openLeg(tools, host, effect);
      return;
    case "leg.cancel": {
      const slot = host.legs.get(effect.leg);
      if (slot === undefined) return;
      slot.cancelled = true;
      slot.handle?.cancel(effect.reason);
      return;
    }
    case "control":
      host.output.control(host.ref, effect.payload);
      return;
    case "timer.set": {
      host.timers[effect.timer]?.();
      host.timers[effect.timer] = clock.at(effect.at, () =>
        emit({ t: "timer.fired", at: clock.now(), key, timer: effect.timer }),
      );
      return;
    }
    case "timer.clear":
      host.timers[effect.timer]?.();
      delete host.timers[effect.timer];
      return;
    case "overrun":
      tools.observer?.observe({
        t: "adapter.overrun",
        adapter: effect.adapter,
        key,
        held: effect.held,
        used: effect.used,
        dimension: effect.dimension,
      });
      return;
    case "explained":
      for (const stop of Object.values(host.timers)) stop();
      host.output.explained(effect.content);
      tools.closed(host);
      return;
    case "stream.closed":
      host.output.end(host.ref, effect);
      observeEnd(tools, host, effect);
      desk.forget(`stream:${key}`);
      tools.closed(host);
      return;
  }
}

function askPolicy(tools: Tools, key: string, effect: Extract<Effect, { t: "policy.ask" }>): void {
  const { clock, emit, policy, limits } = tools;
  const tell = (decision: PolicyDecision): void => emit({ t: "policy.decided", at: clock.now(), key, decision });
  const refuse = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    emit({ t: "policy.failed", at: clock.now(), key, message });
  };
  try {
    const decision = policy.decide(effect.input, { deadlineAt: clock.now() + limits.policyTimeoutMs });
    if ("then" in decision) within(clock, limits.policyTimeoutMs, decision).then(tell, refuse);
    else tell(decision);
  } catch (error) {
    refuse(error);
  }
}

function estimate(tools: Tools, host: StreamHost, effect: Extract<Effect, { t: "adapter.estimate" }>): void {
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
  port
    .estimate(
      {
        callId: `${key}?${adapter}`,
        session: host.session,
        qos: host.qos,
        attempt: 0,
        ...(host.traceparent === undefined ? {} : { traceparent: host.traceparent }),
        taskType: task.taskType,
        promptJson: task.promptJson,
        maxOutputTokens: task.content.max_output_tokens ?? 0,
      },
      { deadlineAt: Math.min(effect.deadlineAt, clock.now() + limits.estimateTimeoutMs) },
    )
    .then(
      (quote) => tell({ estimate: quote }),
      (error: unknown) => {
        const failure = toFailure(error);
        if (failure.kind === "unavailable") emit({ t: "adapter.unhealthy", at: clock.now(), adapter, failure });
        tools.observer?.observe({ t: "adapter.failed", adapter, key, failure });
        tell({ failure });
      },
    );
}

/** The failure in what a port threw; anything but an AdapterFailure is a defect of the port. */
export function toFailure(error: unknown): Failure {
  const failure = (error as Partial<AdapterFailure> | null)?.failure;
  if (failure !== undefined) return failure;
  return { kind: "internal", message: error instanceof Error ? error.message : String(error), sent: true };
}

async function readLeft(
  ledger: LedgerStore,
  scopes: readonly OuterScope[],
): Promise<{ left: Limits; from: LimitSources }> {
  const from: LimitSources = {};
  const least: { -readonly [D in keyof Limits]: Limits[D] } = {};
  for (const scope of scopes) {
    // A store that cannot answer refuses the hold itself, and says why; a plan may be made without it.
    const balance = await ledger.read(scope.key).catch(() => undefined);
    for (const dimension of ["parallel", "tokens", "usdMicros"] as const) {
      const limit = balance === undefined ? scope.limits[dimension] : balance.limits[dimension];
      if (limit === undefined) continue;
      const left = limit - (balance === undefined ? 0 : balance.posted[dimension]);
      if (left >= (least[dimension] ?? Infinity)) continue;
      least[dimension] = left;
      from[dimension] = scope.source;
    }
  }
  return { left: least, from };
}

function readMemory(tools: Tools, key: string, effect: Extract<Effect, { t: "memory.read" }>): void {
  const { clock, emit, memory, limits } = tools;
  const tell = (values: Record<string, unknown>, problem?: string): void =>
    emit({ t: "memory.read", at: clock.now(), key, values, ...(problem === undefined ? {} : { problem }) });
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

function writeMemory(tools: Tools, key: string, effect: Extract<Effect, { t: "memory.write" }>): void {
  const { clock, emit, memory, limits } = tools;
  const tell = (problem?: string): void =>
    emit({ t: "memory.written", at: clock.now(), key, ...(problem === undefined ? {} : { problem }) });
  if (memory === undefined) {
    tell("no memory gateway is configured");
    return;
  }
  const options = { deadlineAt: clock.now() + limits.memoryTimeoutMs };
  within(
    clock,
    limits.memoryTimeoutMs,
    Promise.all(effect.keys.map((name) => memory.put(effect.namespace, name, effect.object, options))),
  ).then(
    () => tell(),
    () => tell("memory could not be written in time"),
  );
}

function probe(tools: Tools, adapter: string): void {
  const { clock, emit, limits } = tools;
  const port = tools.adapters.get(adapter);
  if (port === undefined) return;
  port.health({ deadlineAt: clock.now() + limits.estimateTimeoutMs }).then(
    (health) => emit({ t: "adapter.healthy", at: clock.now(), adapter, health }),
    (error: unknown) => emit({ t: "adapter.unhealthy", at: clock.now(), adapter, failure: toFailure(error) }),
  );
}

function observeEnd(tools: Tools, host: StreamHost, end: Extract<Effect, { t: "stream.closed" }>): void {
  const { observer } = tools;
  if (observer === undefined) return;
  const { key, tenant, qos, taskType } = host;
  const outcome = end.by === "final" ? "final" : end.error.code;
  if (end.by === "error" && end.error.code === "EPOLICY") {
    observer.observe({
      t: "policy.denied",
      key,
      tenant,
      reasons: (end.error.details?.["reasons"] as readonly string[] | undefined) ?? [],
    });
  }
  observer.observe({
    t: "stream.ended",
    key,
    tenant,
    qos,
    strategy: end.telemetry.strategy ?? "",
    taskType,
    outcome,
    telemetry: end.telemetry,
  });
  observer.observe({ t: "stream.decision", key, tenant, record: end.record });
}

/** The promise's value, or a rejection when it takes longer. */
function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = clock.at(clock.now() + ms, () => reject(new Error(`no answer within ${ms} ms`)));
    promise.then(resolve, reject).finally(stop);
  });
}
