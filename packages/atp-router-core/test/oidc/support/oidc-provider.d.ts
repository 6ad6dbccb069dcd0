/** What the tests use of `oidc-provider`, which ships no types. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  interface ResourceServer {
    scope: string;
    audience: string;
    accessTokenTTL: number;
    accessTokenFormat: "jwt";
    jwt: { sign: { alg: string } };
  }

  interface Configuration {
    jwks: { keys: object[] };
    clients: object[];
    features: {
      clientCredentials: { enabled: boolean };
      devInteractions: { enabled: boolean };
      resourceIndicators: {
        enabled: boolean;
        getResourceServerInfo(context: unknown, resource: string): ResourceServer;
      };
    };
    extraTokenClaims(): Record<string, unknown>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
}
