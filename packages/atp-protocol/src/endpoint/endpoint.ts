import { createClientEndpoint } from "./client-endpoint.js";
import { createRouterEndpoint } from "./router-endpoint.js";
import type { Endpoint, EndpointConfig } from "./types.js";

/** Makes one side of a connection, by `config.role`. A program that is only a client saves half by `createClientEndpoint`. */
export function createEndpoint(config: EndpointConfig): Endpoint {
  return config.role === "router" ? createRouterEndpoint(config) : createClientEndpoint(config);
}
