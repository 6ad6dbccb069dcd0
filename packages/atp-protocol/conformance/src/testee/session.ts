import { defaultLimits, type EndpointEffect, type EndpointEvent, type WireLimits } from "../../../src/index.js";
import { createClientHost } from "./client-host.js";
import type { Output, Request } from "./protocol.js";
import { createRouterHost } from "./router-host.js";

/** One run of a side in virtual time, across any number of sockets. */
export interface Session {
  handle(request: Request): void;
  /** What left the side since it was last asked. */
  take(): readonly Output[];
}

/** What the program around an endpoint does with it. */
export interface Host {
  /** A new socket. */
  connect(): void;
  receive(text: string): void;
  drop(code: number): void;
  /** Fires what is due up to `at`. */
  advance(at: number): void;
  command(request: Request): void;
}

/** What a host may use. */
export interface HostTools {
  readonly now: () => number;
  readonly emit: (output: Output) => void;
  readonly limits: WireLimits;
  readonly capabilities: readonly string[];
  readonly options: Request;
}

/** Every event without its time. */
export type Input = EndpointEvent extends infer E ? (E extends { readonly t: string } ? Omit<E, "at"> : never) : never;
export type Effect<T extends EndpointEffect["t"]> = EndpointEffect & { readonly t: T };

/** Starts a side: `{side, capabilities, limits?, session_id?, tokens?, credit?}`. */
export function createSession(options: Request): Session {
  let now = 0;
  let out: Output[] = [];
  const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  const tools: HostTools = {
    now: () => now,
    emit: (output) => out.push(output),
    limits: { ...defaultLimits, ...(options["limits"] as object | undefined) },
    capabilities: strings(options["capabilities"]),
    options,
  };
  const host: Host = options["side"] === "client" ? createClientHost(tools) : createRouterHost(tools);
  return {
    handle(request) {
      if (request.op === "connect") host.connect();
      else if (request.op === "frame") host.receive(String(request["text"]));
      else if (request.op === "drop") host.drop(Number(request["code"] ?? 1006));
      else if (request.op === "advance") {
        const until = now + Number(request["ms"]);
        host.advance(until);
        now = until;
      } else host.command(request);
    },
    take() {
      const taken = out;
      out = [];
      return taken;
    },
  };
}

/** The one timer of an endpoint, in virtual time. */
export class Timer {
  at: number | null = null;

  /** Runs `fire` at each time that is due up to `until`. */
  run(until: number, fire: (at: number) => void): void {
    for (let rounds = 0; this.at !== null && this.at <= until; rounds++) {
      if (rounds > 100_000) throw new Error("a timer that never comes to rest");
      const at = this.at;
      this.at = null;
      fire(at);
    }
  }
}
