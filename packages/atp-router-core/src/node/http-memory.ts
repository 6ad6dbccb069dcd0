import type { CallOptions, MemoryPort } from "../ports/index.js";
import type { Clock } from "../ports/index.js";
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

/** A memory gateway over HTTP (part C). Throws when it cannot be reached or refuses; a missing object is `undefined`. */
export function httpMemory(options: HttpMemoryOptions): MemoryPort {
  const base = options.url.replace(/\/+$/, "");
  const clock = options.clock ?? systemClock();
  const headers: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };

  function address(namespace: string, key: string): string {
    const path = [...namespace.split("/"), key].map(encodeURIComponent).join("/");
    return `${base}/v1/memory/${path}`;
  }

  function signalOf({ deadlineAt, signal }: CallOptions): AbortSignal {
    const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineAt - clock.now())));
    return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  }

  return {
    async get(namespace, key, callOptions) {
      const response = await fetch(address(namespace, key), { headers, signal: signalOf(callOptions) });
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok) throw new Error(`memory gateway answered ${response.status}`);
      const body = (await response.json()) as { object?: unknown };
      return body.object;
    },
    async put(namespace, key, object, callOptions) {
      const response = await fetch(address(namespace, key), {
        method: "PUT",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ object }),
        signal: signalOf(callOptions),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`memory gateway answered ${response.status}`);
    },
    async ready() {
      const response = await fetch(`${base}/healthz`, { headers, signal: AbortSignal.timeout(1_000) });
      await response.body?.cancel();
      return response.ok;
    },
  };
}
