import type { Usage } from "../model/index.js";
import type { CallTrace, LegSink } from "../ports/index.js";
import type { StreamEffect } from "../stream/index.js";
import { nameOf } from "./asks.js";
import type { LegSlot, StreamHost } from "./host.js";
import { promptJsonOf } from "./request.js";
import type { Tools } from "./tools.js";

type Start = Extract<StreamEffect, { t: "leg.start" }>;

/**
 * Sends a call to its adapter, once the ledger knows that it leaves. A cancel that comes before the call is out keeps it in.
 */
export function openLeg(tools: Tools, host: StreamHost, effect: Start): void {
  const { clock, emit } = tools;
  const { key } = host;
  const { leg } = effect;
  const slot: LegSlot = { handle: null, demand: 0, cancelled: false };
  host.legs.set(leg, slot);
  const open = (): void => {
    if (slot.cancelled) return;
    const port = tools.adapters.get(effect.adapter);
    if (port === undefined) {
      emit({
        t: "leg.ended",
        at: clock.now(),
        key,
        leg,
        end: { failure: { kind: "unavailable", message: "is not configured any more", sent: false } },
      });
      return;
    }
    const traced = host.trace?.call({
      operation: "chat",
      attempt: effect.attempt,
      maxOutputTokens: effect.maxOutputTokens,
      ...nameOf(tools, effect.adapter),
    });
    const traceparent = traced?.traceparent ?? host.traceparent;
    const sink: LegSink = {
      chunk: (chunk) => emit({ t: "leg.chunk", at: clock.now(), key, leg, chunk }),
      end: (end) => {
        host.legs.delete(leg);
        if ("failure" in end && end.failure.kind !== "cancelled") {
          tools.observer?.observe({ t: "adapter.failed", adapter: effect.adapter, key, failure: end.failure });
        }
        emit({ t: "leg.ended", at: clock.now(), key, leg, end });
      },
    };
    try {
      const handle = port.open(
        {
          callId: `${host.callPrefix}.${leg}`,
          session: host.session,
          qos: effect.qos,
          attempt: effect.attempt,
          ...(traceparent === undefined ? {} : { traceparent }),
          taskType: effect.task.taskType,
          promptJson: promptOf(effect),
          maxOutputTokens: effect.maxOutputTokens,
          contextJson: effect.contextJson,
          sample: effect.sample,
          deadlineAt: effect.deadlineAt,
        },
        traced === undefined ? sink : tracedSink(sink, traced),
      );
      slot.handle = handle;
      if (slot.cancelled) handle.cancel("cancelled while it was opened");
      else if (slot.demand !== 0) handle.demand(slot.demand);
    } catch (error) {
      // No port may throw here. One that does ends its own stream: nobody waits for this promise, and the process would fall.
      const id = tools.defectId();
      tools.observer?.observe({ t: "defect", id, where: "leg.open", error });
      emit({ t: "defect", at: clock.now(), key, id });
      sink.end({ failure: { kind: "protocol", message: "its port threw", sent: true } });
    }
  };
  if (host.leaving.delete(effect.hold)) queueMicrotask(open);
  else
    tools.ledger.dispatched(effect.hold).then(open, () => emit({ t: "hold.unavailable", at: clock.now(), key, leg }));
}

/** What an adapter is asked; one that goes on with an answer finds it as the last message, the assistant's. */
function promptOf({ task, maxOutputTokens, begun }: Start): string {
  if (begun === undefined) return clipped(task.promptJson, maxOutputTokens);
  const { prompt, messages = [{ role: "user", content: prompt ?? "" }], ...rest } = task.content;
  const content = { ...rest, messages: [...messages, { role: "assistant", content: begun }] };
  return clipped(promptJsonOf(content), maxOutputTokens);
}

/** The request's content as JSON text with the clip written into it (B.7). */
function clipped(promptJson: string, maxOutputTokens: number): string {
  const open = promptJson.slice(0, -1);
  return `${open}${open === "{" ? "" : ","}"max_output_tokens":${maxOutputTokens}}`;
}

/** A sink whose call is traced: its first content, its end and what it used. */
function tracedSink(sink: LegSink, traced: CallTrace): LegSink {
  let begun = false;
  const used = { inTokens: 0, outTokens: 0, usdMicros: 0 };
  const add = (usage: Usage): void => {
    used.inTokens += usage.inTokens;
    used.outTokens += usage.outTokens;
    used.usdMicros += usage.usdMicros;
  };
  return {
    chunk(chunk) {
      if (!begun) traced.first();
      begun = true;
      add(chunk.usage);
      sink.chunk(chunk);
    },
    end(end) {
      if ("final" in end) add(end.final.usage);
      traced.end("failure" in end ? { error: end.failure.kind, ...used } : used);
      sink.end(end);
    },
  };
}
