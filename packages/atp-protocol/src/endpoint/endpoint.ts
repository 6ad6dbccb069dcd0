import { clientPart } from "./client-endpoint.js";
import { countBytes } from "./counting.js";
import { fragmentation } from "./fragmentation.js";
import { createMachine } from "./machine.js";
import { createRouterEndpoint } from "./router-endpoint.js";
import { createState } from "./state.js";
import type { Endpoint, EndpointConfig } from "./types.js";

/**
 * Makes one side of a connection, by `config.role`, with all that either can do. A program that is only a client saves more than
 * half by {@link createClientEndpoint}.
 */
export function createEndpoint(config: EndpointConfig): Endpoint {
  if (config.role === "router") return createRouterEndpoint(config);
  const s = createState(config, clientPart, fragmentation);
  const { step, openStreams } = createMachine(s);
  return { step, openStreams, bytes: () => countBytes(s) };
}
