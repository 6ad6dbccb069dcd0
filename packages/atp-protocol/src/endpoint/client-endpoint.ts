import { onRefusedFrame, onRouterFrame } from "./client.js";
import { commandClient } from "./command-client.js";
import { armLiveness } from "./liveness.js";
import { createMachine, type RolePart } from "./machine.js";
import { wakeAll } from "./outbox.js";
import { sayHello } from "./resume-client.js";
import type { State } from "./state.js";
import type { Endpoint, EndpointConfig } from "./types.js";

const part: RolePart = { opened, frame: onRouterFrame, refused: onRefusedFrame, command: commandClient };

/** The client's side of a connection: {@link createEndpoint} without the router's half. `config.role` must be `client`. */
export function createClientEndpoint(config: EndpointConfig): Endpoint {
  return createMachine(config, part);
}

function opened(s: State): void {
  s.phase = s.naive ? "open" : "greeting";
  armLiveness(s);
  if (!s.naive) sayHello(s);
  wakeAll(s);
}
