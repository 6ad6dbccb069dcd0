import type { EndpointEvent, WireLimits } from "../../../src/index.js";
import type { Output, Request } from "./protocol.js";

/** What the program around an endpoint does with it. */
export interface Host {
  /** A new socket, by its number. */
  connect(socket: number): void;
  receive(text: string, socket: number): void;
  drop(code: number, socket: number): void;
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
