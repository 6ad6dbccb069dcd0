import { AtpError } from "atp-protocol";
import type { Qos, StreamRef, Telemetry, Window } from "atp-protocol";
import { canonicalJson } from "atp-protocol/integrity";
import type { Principal, Task } from "../model/index.js";
import type { Clock } from "../ports/index.js";
import type { RouterEvent } from "../router/index.js";
import type { StreamEnd, StreamKey } from "../stream/index.js";
import type { Emit, StreamOutput } from "./host.js";

/** How long a key stands for its run (A9.4). */
const KEPT_MS = 3_600_000;
/** What one tenant may have kept. */
const MAX_KEYS = 10_000;
const MAX_BYTES = 64 * 1_048_576;

/** One SYN that holds a run, its first or a later one. */
interface Holder {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  readonly cancelsOnDrop: boolean;
  output: StreamOutput;
  /** It asked for the run and hears all of it; the others hear its end. */
  readonly first: boolean;
}

interface Run {
  readonly name: string;
  readonly tenant: string;
  readonly content: string;
  /** The stream that runs it. */
  readonly key: StreamKey;
  readonly holders: Map<StreamKey, Holder>;
  end: StreamEnd | undefined;
  bytes: number;
  until: number;
}

interface Kept {
  keys: number;
  bytes: number;
}

/** A SYN with an idempotency key. */
export interface KeyedSyn {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  readonly idempotencyKey: string;
  readonly task: Task;
  readonly principal: Principal;
  readonly qos: Qos;
  readonly window: Window;
  readonly output: StreamOutput;
}

/** Runs by idempotency key, of this router's own memory: the same SYN twice is one run, paid once (A9.4). */
export interface Idempotency {
  /**
   * @returns where the answers of a new run go; undefined when the SYN was attached to a run that is known.
   * @throws AtpError `EDUP` for a key in use with other content, `EOVERLOAD` when the tenant has too many
   */
  join(syn: KeyedSyn): StreamOutput | undefined;
  /** A client's event about a stream. @returns whether it is one holder's alone, so that the run must not see it */
  takes(event: RouterEvent): boolean;
  /** A holder's stream went on to another session. @returns whether it was a holder's */
  moved(key: StreamKey, to: StreamOutput): boolean;
}

/** @param emit hands an event to the router's machine */
export function createIdempotency(clock: Clock, emit: Emit): Idempotency {
  const runs = new Map<string, Run>();
  const holding = new Map<StreamKey, Run>();
  const kept = new Map<string, Kept>();

  function keptOf(tenant: string): Kept {
    let mine = kept.get(tenant);
    if (mine === undefined) kept.set(tenant, (mine = { keys: 0, bytes: 0 }));
    return mine;
  }

  function drop(run: Run): void {
    if (runs.get(run.name) !== run) return;
    runs.delete(run.name);
    const mine = keptOf(run.tenant);
    mine.keys--;
    mine.bytes -= run.bytes;
    if (mine.keys === 0) kept.delete(run.tenant);
  }

  /** All keys live equally long, so the oldest come first. */
  function purge(): void {
    const now = clock.now();
    for (const run of runs.values()) {
      if (run.until > now) return;
      if (run.end !== undefined) drop(run);
    }
  }

  function replay(holder: Holder, end: StreamEnd): void {
    const telemetry: Telemetry = { ...end.telemetry, replayed: true };
    holder.output.end(holder.ref, holder.first ? end : { ...end, telemetry });
  }

  function ended(run: Run, end: StreamEnd): void {
    run.end = end;
    // What spent nothing binds nothing: an honest retry is to run.
    if (end.by === "error" && end.error.processed === "no") drop(run);
    else if (runs.get(run.name) === run) {
      run.bytes = JSON.stringify(end.by === "final" ? end.content : end.error).length;
      keptOf(run.tenant).bytes += run.bytes;
    }
    const holders = [...run.holders.values()];
    run.holders.clear();
    for (const holder of holders) {
      holding.delete(holder.key);
      replay(holder, end);
    }
  }

  /** The run's own output: its first holder hears all, every holder its end. */
  function outputOf(run: Run): StreamOutput {
    const first = (): StreamOutput | undefined => run.holders.get(run.key)?.output;
    return {
      accept: (ref, qos, window) => first()?.accept(ref, qos, window),
      send: (ref, payload, mergeKey) => first()?.send(ref, payload, mergeKey),
      control: (ref, payload) => first()?.control(ref, payload),
      end: (_ref, end) => ended(run, end),
      explained: () => undefined,
    };
  }

  /** One of several holders goes: the run goes on for the others. */
  function leave(run: Run, holder: Holder, reason: string): void {
    run.holders.delete(holder.key);
    holding.delete(holder.key);
    const error = new AtpError(
      "ECANCELLED",
      reason === "" ? "The client cancelled." : `The client cancelled: ${reason}`,
      {
        processed: "maybe",
      },
    ).toContent();
    const telemetry = { tokens: 0, usd: 0, latency_ms: 0, in_tokens: 0, out_tokens: 0, adapters: [] };
    holder.output.end(holder.ref, { t: "stream.closed", by: "error", error, telemetry, record: {} });
  }

  return {
    join({ key, ref, idempotencyKey, task, principal, qos, window, output }) {
      purge();
      const name = JSON.stringify([principal.tenant, principal.subject, idempotencyKey]);
      const content = canonicalJson([task.content, task.taskType, task.meta["strategy"] ?? null]);
      const known = runs.get(name);
      if (known !== undefined && known.content !== content)
        throw new AtpError("EDUP", "This idempotency key stands for another request. Choose a new one.", {
          details: { rule: "A9.4" },
        });
      const mine = keptOf(principal.tenant);
      if (known === undefined && (mine.keys >= MAX_KEYS || mine.bytes >= MAX_BYTES))
        throw new AtpError("EOVERLOAD", "This tenant has too many idempotency keys. Try again later, or without one.", {
          details: { rule: "A9.4", keys: mine.keys, bytes: mine.bytes },
        });
      const holder = { key, ref, output, first: known === undefined, cancelsOnDrop: task.onDisconnect === "cancel" };
      if (known === undefined) {
        const run: Run = {
          name,
          content,
          key,
          tenant: principal.tenant,
          holders: new Map([[key, holder]]),
          end: undefined,
          bytes: 0,
          until: clock.now() + KEPT_MS,
        };
        mine.keys++;
        runs.set(name, run);
        holding.set(key, run);
        return outputOf(run);
      }
      output.accept(ref, qos, window);
      if (known.end !== undefined) replay(holder, known.end);
      else {
        known.holders.set(key, holder);
        holding.set(key, known);
      }
      return undefined;
    },
    takes(event) {
      if (holding.size === 0 || !("key" in event)) return false;
      const run = holding.get(event.key);
      const holder = run?.holders.get(event.key);
      if (run === undefined || holder === undefined) return false;
      const leaves = event.t === "client.cancelled" || (event.t === "client.detached" && holder.cancelsOnDrop);
      if (!leaves || run.holders.size === 1) {
        // With its last holder the run itself is cancelled.
        if (leaves && !holder.first) {
          emit({ t: "client.cancelled", at: event.at, key: run.key, reason: "its last holder is gone" });
          return true;
        }
        return !holder.first;
      }
      leave(run, holder, event.t === "client.cancelled" ? event.reason : "the connection was lost");
      return true;
    },
    moved(key, to) {
      const holder = holding.get(key)?.holders.get(key);
      if (holder === undefined) return false;
      holder.output = to;
      return true;
    },
  };
}
