import { readFileSync } from "node:fs";
import type { ConfigFile } from "./config-schema.js";
import type { GrpcAdapterOptions } from "./grpc-adapter.js";
import type { TlsOptions } from "./grpc-session.js";
import { clientCredentialsToken, fileToken } from "./service-token.js";
import type { ServiceToken } from "./service-token.js";

type AdapterConfig = NonNullable<ConfigFile["adapters"]>[number];
type Service = Pick<AdapterConfig, "tls" | "token_file" | "client_credentials">;

/**
 * What the router shows an adapter, and whom it trusts there.
 * @throws Error when a file that is named cannot be read
 */
export function serviceCredentials(service: Service): Pick<GrpcAdapterOptions, "tls" | "token"> {
  const token = tokenOf(service);
  const tls = service.tls === undefined ? undefined : tlsOf(service.tls);
  return { ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) };
}

function tokenOf({ token_file: file, client_credentials: client }: Service): ServiceToken | undefined {
  if (file !== undefined) {
    const token = fileToken(file);
    token();
    return token;
  }
  if (client === undefined) return undefined;
  return clientCredentialsToken({
    tokenUrl: client.token_url,
    clientId: client.client_id,
    clientSecret: text(client.client_secret_file),
    ...(client.scope === undefined ? {} : { scope: client.scope }),
    ...(client.audience === undefined ? {} : { audience: client.audience }),
  }).current;
}

/** Reads at each connection, so that renewed files count; what cannot be read then leaves the last that could. */
function tlsOf(files: NonNullable<Service["tls"]>): () => TlsOptions {
  const read = (): TlsOptions => ({
    ...(files.ca_file === undefined ? {} : { ca: text(files.ca_file) }),
    ...(files.cert_file === undefined ? {} : { cert: text(files.cert_file) }),
    ...(files.key_file === undefined ? {} : { key: text(files.key_file) }),
  });
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // Whoever renews them is at work.
    }
    return last;
  };
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
