import { onBadFrame } from "./bad-frame.js";
import { commandRouter } from "./command-router.js";
import { HELLO_MS } from "./liveness.js";
import { createMachine, type RolePart } from "./machine.js";
import { onClientFrame } from "./router.js";
import type { State } from "./state.js";
import { arm } from "./timer.js";
import type { Endpoint, EndpointConfig } from "./types.js";

const part: RolePart = { opened, frame: onClientFrame, refused: onBadFrame, command: commandRouter };

/** The router's side of a connection. `config.role` must be `router`. */
export function createRouterEndpoint(config: EndpointConfig): Endpoint {
  return createMachine(config, part);
}

function opened(s: State): void {
  s.tokens = s.limits.frames_per_s * 2;
  s.tokensAt = s.at;
  s.phase = "opening";
  s.helloBy = s.at + HELLO_MS;
  arm(s, s.helloBy);
}
