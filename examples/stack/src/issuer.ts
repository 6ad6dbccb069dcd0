import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** What a token says of its bearer. */
export interface Bearer {
  readonly tenant: string;
  readonly subject: string;
  readonly roles?: readonly string[];
}

/** An issuer of tokens for this machine: discovery, one key, and tokens on request of its own process. */
export interface Issuer {
  readonly url: string;
  readonly audience: string;
  /** @param expiresInS seconds; negative makes a token that has expired */
  token(bearer: Bearer, expiresInS?: number): Promise<string>;
  close(): Promise<void>;
}

const KEY_ID = "stack";

/** Starts an issuer. Its key is new each time and stays in this process. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: "ES256", use: "sig" };
  const audience = "atp-stack";
  const server = createServer((request, response) => {
    const known: Record<string, unknown> = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/jwks` },
      "/jwks": { keys: [jwk] },
    };
    const body = known[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    audience,
    token: ({ tenant, subject, roles = [] }, expiresInS = 3_600) => {
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT({ tenant, roles })
        .setProtectedHeader({ alg: "ES256", kid: KEY_ID, typ: "at+jwt" })
        .setIssuer(url)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt(Math.min(now, now + expiresInS - 60))
        .setExpirationTime(now + expiresInS)
        .sign(privateKey);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
