import type { RouterEffect } from "../router/index.js";
import type { RouterOwn, StreamEffect } from "../stream/index.js";
import { askPolicy, estimate, probe, readLeft, readMemory, writeMemory } from "./asks.js";
import { reserve, reserveAll } from "./holds.js";
import type { StreamHost } from "./host.js";
import { openLeg } from "./leg.js";
import type { Tools } from "./tools.js";

/** Performs one effect. Every result, refusal, throw and timer becomes exactly one event. */
export function perform(tools: Tools, effect: RouterEffect): void {
  switch (effect.t) {
    case "adapter.probe":
      probe(tools, effect.adapter);
      return;
    case "adapter.status":
    case "stream.judged":
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

type Effect = Exclude<StreamEffect, { t: RouterOwn }>;

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
      askPolicy(tools, host, effect);
      return;
    case "accept":
      host.output.accept(host.ref, effect.qos, effect.window);
      return;
    case "adapter.estimate":
      estimate(tools, host, effect);
      return;
    case "money.read":
      void readLeft(tools.ledger, effect.scopes).then((room) =>
        emit({ t: "money.left", at: clock.now(), key, ...room }),
      );
      return;
    case "money.limit":
      desk.setLimit(`stream:${key}`, effect.window);
      return;
    case "memory.read":
      readMemory(tools, host, effect);
      return;
    case "hold.reserve":
      reserve(tools, host, effect);
      return;
    case "hold.reserveAll":
      reserveAll(tools, host, effect);
      return;
    case "hold.extend":
      tools.ledger.extend(effect.hold, effect.attempt, effect.more).then(
        (result) =>
          emit(
            result.ok
              ? { t: "hold.extended", at: clock.now(), key, leg: effect.leg, more: effect.more }
              : { t: "hold.notExtended", at: clock.now(), key, leg: effect.leg, left: result.left },
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
    case "hold.recall":
      if (host.leaving.delete(effect.hold)) tools.ledger.recalled(effect.hold).catch(() => undefined);
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
        adapter: effect.name,
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
      if (effect.by === "final" && effect.artifact !== undefined)
        tools.writing(writeMemory(tools, host, effect.artifact));
      host.trace?.end(effect.by === "final" ? "final" : effect.error.code, effect.telemetry, !host.unlogged);
      observeEnd(tools, host, effect);
      desk.forget(`stream:${key}`);
      if (effect.trial === true) tools.tryChallenger?.(host);
      tools.closed(host);
      return;
  }
}

function observeEnd(tools: Tools, host: StreamHost, end: Extract<Effect, { t: "stream.closed" }>): void {
  const { observer } = tools;
  if (observer === undefined) return;
  const { key, tenant, qos, task } = host;
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
    taskType: task.taskType,
    outcome,
    telemetry: end.telemetry,
  });
  observer.observe({ t: "stream.decision", key, tenant, record: end.record });
}
