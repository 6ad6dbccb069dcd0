import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { JWTPayload } from "jose";

/** A real OpenID Connect issuer on loopback. */
export interface Issuer {
  readonly url: string;
  /** An access token for `audience` by the client credentials grant, as a service would get it. */
  token(audience?: string): Promise<string>;
  close(): Promise<void>;
}

/** Starts `oidc-provider` with one client that may ask for tokens of `https://router.example`. */
export async function startIssuer(): Promise<Issuer> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: "first", alg: "ES256", use: "sig" };
  const server = createServer();
  const url = await listening(server);
  const provider = new Provider(url, {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: "service",
        client_secret: "secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: "stream",
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    extraTokenClaims: () => ({ tenant: "acme", roles: ["analyst"] }),
  });
  const handle = provider.callback();
  server.on("request", (request, response) => void handle(request, response));
  return {
    url,
    async token(audience = "https://router.example") {
      const response = await fetch(`${url}/token`, {
        method: "POST",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          authorization: `Basic ${Buffer.from("service:secret").toString("base64")}`,
        },
        body: new URLSearchParams({ grant_type: "client_credentials", resource: audience, scope: "stream" }),
      });
      const { access_token } = (await response.json()) as { access_token?: string };
      if (access_token === undefined) throw new Error(`the issuer gave no token (${response.status})`);
      return access_token;
    },
    close: () => closed(server),
  };
}

/** An issuer whose documents, keys and tokens a test makes itself. */
export interface ForgingIssuer {
  readonly url: string;
  /** How often its keys were fetched. */
  readonly fetches: () => number;
  /** Publishes a new key beside or instead of the old ones, and signs with it. */
  rotate(kid: string, keep?: boolean): Promise<void>;
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** What its next answers do. */
  answer: "well" | "garbage" | "nothing" | "refuse" | "another";
  close(): Promise<void>;
}

/** Starts an issuer that publishes whatever the test says. */
export async function startForgingIssuer(): Promise<ForgingIssuer> {
  let keys: object[] = [];
  let current: { readonly kid: string; readonly key: CryptoKey };
  let fetches = 0;
  const server = createServer((request, response) => {
    if (issuer.answer === "nothing") return;
    response.setHeader("content-type", "application/json");
    if (issuer.answer === "refuse") response.statusCode = 503;
    if (issuer.answer === "garbage") return response.end("<html>");
    if (request.url === "/jwks") {
      fetches++;
      return response.end(JSON.stringify({ keys }));
    }
    const name = issuer.answer === "another" ? "https://another.example" : url;
    return response.end(JSON.stringify({ issuer: name, jwks_uri: `${url}/jwks` }));
  });
  const url = await listening(server);
  const issuer: ForgingIssuer = {
    url,
    answer: "well",
    fetches: () => fetches,
    async rotate(kid, keep = false) {
      const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
      const jwk = { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
      keys = keep ? [...keys, jwk] : [jwk];
      current = { kid, key: privateKey };
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: current.kid, typ: "at+jwt", ...header })
        .sign(current.key),
    close: () => closed(server),
  };
  await issuer.rotate("first");
  return issuer;
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
