import { defaultLimits } from "../../../src/index.js";
import { createClientHost } from "./client-host.js";
import type { Host, HostTools } from "./host.js";
import type { Output, Request } from "./protocol.js";
import { createRouterHost } from "./router-host.js";

/** One run of a side in virtual time, across any number of sockets. */
export interface Session {
  handle(request: Request): void;
  /** What left the side since it was last asked. */
  take(): readonly Output[];
}

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
      const socket = Number(request["socket"] ?? 1);
      if (request.op === "connect") host.connect(socket);
      else if (request.op === "frame") host.receive(String(request["text"]), socket);
      else if (request.op === "drop") host.drop(Number(request["code"] ?? 1006), socket);
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
