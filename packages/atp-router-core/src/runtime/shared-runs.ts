import { AtpError } from "atp-protocol";
import type { Qos, StreamRef, Telemetry, Window } from "atp-protocol";
import type { Clock } from "../ports/index.js";
import type { RouterEvent } from "../router/index.js";
import type { StreamEnd, StreamKey } from "../stream/index.js";
import type { Emit, StreamOutput } from "./host.js";
import { refusal } from "./refusal.js";

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

/** A SYN that may share a run. */
export interface SharingSyn {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  /** Equal names share a run. */
  readonly name: string;
  /** What the name must stand for: another content under it is told to `clash`. */
  readonly content: string;
  readonly tenant: string;
  readonly cancelsOnDrop: boolean;
  readonly qos: Qos;
  readonly window: Window;
  readonly output: StreamOutput;
}

/** How runs are shared. */
export interface SharingRules {
  /** How long a run stands for its name. */
  readonly keptMs: number;
  /** What one tenant may have kept. */
  readonly maxRuns: number;
  readonly maxBytes: number;
  /** Whether an end is kept for those who come later. */
  readonly keeps: (end: StreamEnd) => boolean;
  /** What an end's telemetry says to a holder who did not ask for the run. */
  readonly told: (telemetry: Telemetry) => Telemetry;
  /** A name is in use with other content: throws, or lets the run go on by itself. */
  readonly clash: () => void;
  /** The tenant has no room: throws, or lets the run go on by itself. */
  readonly full: (kept: { readonly runs: number; readonly bytes: number }) => void;
}

/** Runs that several SYNs hold, of this router's own memory. */
export interface SharedRuns {
  /**
   * @returns where the answers of a new run go; undefined when the SYN was attached to a run that is known.
   * @throws what the rules throw
   */
  join(syn: SharingSyn): StreamOutput | undefined;
  /** Whether this router has a run of that name. */
  knows(name: string): boolean;
  /** A client's event about a stream. @returns whether it is one holder's alone, so that the run must not see it */
  takes(event: RouterEvent): boolean;
  /** A holder's stream went on to another session. @returns whether it was a holder's */
  moved(key: StreamKey, to: StreamOutput): boolean;
}

/** @param emit hands an event to the router's machine */
export function createSharedRuns(clock: Clock, emit: Emit, rules: SharingRules): SharedRuns {
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

  /** All runs live equally long, so the oldest come first. */
  function purge(): void {
    const now = clock.now();
    for (const run of runs.values()) {
      if (run.until > now) return;
      if (run.end !== undefined) drop(run);
    }
  }

  function replay(holder: Holder, end: StreamEnd): void {
    holder.output.end(holder.ref, holder.first ? end : { ...end, telemetry: rules.told(end.telemetry) });
  }

  function ended(run: Run, end: StreamEnd): void {
    run.end = end;
    if (!rules.keeps(end)) drop(run);
    else if (runs.get(run.name) === run) {
      const told = JSON.stringify(end.by === "final" ? end.content : end.error);
      run.bytes = told.length + run.name.length + run.content.length;
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
    );
    holder.output.end(holder.ref, refusal(error));
  }

  return {
    join({ key, ref, name, content, tenant, cancelsOnDrop, qos, window, output }) {
      purge();
      const known = runs.get(name);
      if (known !== undefined && known.content !== content) {
        rules.clash();
        return output;
      }
      const mine = keptOf(tenant);
      if (known === undefined && (mine.keys >= rules.maxRuns || mine.bytes >= rules.maxBytes)) {
        rules.full({ runs: mine.keys, bytes: mine.bytes });
        return output;
      }
      const holder = { key, ref, output, first: known === undefined, cancelsOnDrop };
      if (known === undefined) {
        const run: Run = {
          name,
          content,
          key,
          tenant,
          holders: new Map([[key, holder]]),
          end: undefined,
          bytes: 0,
          until: clock.now() + rules.keptMs,
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
    knows(name) {
      purge();
      return runs.has(name);
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
