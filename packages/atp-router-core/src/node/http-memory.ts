import PQueue from "p-queue";
import type { CallOptions, Clock, MemoryPort } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";

/** Where a memory gateway is. */
export interface HttpMemoryOptions {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Bearer token of the router at the gateway. */
  readonly token?: string;
  /** The router's clock: deadlines are in its milliseconds. @default the system's */
  readonly clock?: Clock;
}

/** A segment of a path; `.` and `..` would lead out of its tenant, also escaped (C2.1). */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
/** The longest time that timers take. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** Requests at once: a SYN may name any number of keys, and the gateway is everybody's. */
const CONCURRENCY = 32;

/** A memory gateway over HTTP (part C). Throws when it cannot be reached or refuses; a missing object is `undefined`. */
export function httpMemory(options: HttpMemoryOptions): MemoryPort {
  const base = options.url.replace(/\/+$/, "");
  const clock = options.clock ?? systemClock();
  const headers: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };

  const queue = new PQueue({ concurrency: CONCURRENCY });

  /** Runs a request when its turn comes; one that is given up while it waits is never sent. */
  function inTurn<T>(callOptions: CallOptions, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = signalOf(callOptions);
    return queue.add(() => request(signal), { signal });
  }

  function address(namespace: string, key: string): string {
    const segments = [...namespace.split("/"), key];
    const wrong = segments.find((segment) => !SEGMENT.test(segment));
    if (wrong !== undefined) throw new Error(`${JSON.stringify(wrong.slice(0, 128))} is no segment of a memory path`);
    return `${base}/v1/memory/${segments.join("/")}`;
  }

  function signalOf({ deadlineAt, signal }: CallOptions): AbortSignal {
    const timeout = AbortSignal.timeout(Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.ceil(deadlineAt - clock.now()))));
    return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  }

  return {
    async get(namespace, key, callOptions) {
      const url = address(namespace, key);
      return inTurn(callOptions, async (signal) => {
        // A token goes where configuration says, nowhere else.
        const response = await fetch(url, { headers, redirect: "error", signal });
        if (response.status === 404) {
          await response.body?.cancel();
          return undefined;
        }
        if (!response.ok) throw new Error(`memory gateway answered ${response.status}`);
        const body: unknown = await response.json();
        // An answer without an object is no answer: a stream must hear that its memory was not read.
        if (typeof body !== "object" || body === null || !("object" in body))
          throw new Error("memory gateway answered what is no object of memory");
        return body.object;
      });
    },
    async put(namespace, key, object, callOptions) {
      const url = address(namespace, key);
      await inTurn(callOptions, async (signal) => {
        const response = await fetch(url, {
          method: "PUT",
          redirect: "error",
          headers: { ...headers, "content-type": "application/json" },
          body: JSON.stringify({ object }),
          signal,
        });
        await response.body?.cancel();
        if (!response.ok) throw new Error(`memory gateway answered ${response.status}`);
      });
    },
    async ready() {
      const response = await fetch(`${base}/healthz`, { headers, signal: AbortSignal.timeout(1_000) });
      await response.body?.cancel();
      return response.ok;
    },
  };
}
