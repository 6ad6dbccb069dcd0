import { createRemoteJWKSet } from "jose";
import type { RemoteJWKSet } from "jose";

/** Where an issuer's keys are. */
export interface IssuerKeysOptions {
  /** The `iss` of tokens, such as `https://login.example.com`. */
  readonly issuer: string;
  /** Its JSON Web Key Set. @default `jwks_uri` of the issuer's discovery document */
  readonly jwksUrl?: string;
  /** How long discovery and one fetch of keys may take. @default 3000 */
  readonly timeoutMs?: number;
  /** A key set is fetched again after this. @default 600000 */
  readonly cacheMs?: number;
  /** An unknown `kid` leads to a new fetch at most this often. @default 30000 */
  readonly cooldownMs?: number;
}

/** The issuer could not be asked; what it would have said is unknown. */
export class IssuerUnavailable extends Error {
  override readonly name = "IssuerUnavailable";
}

/**
 * An issuer's keys by OpenID Connect Discovery 1.0 (section 4): the document is asked once, on the first token, and again while it
 * cannot be had. Keys are cached and fetched anew when a token names one that is not there, so that rotation needs no restart.
 */
export class IssuerKeys {
  private keys: Promise<RemoteJWKSet> | undefined;

  constructor(private readonly options: IssuerKeysOptions) {}

  /** @throws IssuerUnavailable when discovery fails */
  get(): Promise<RemoteJWKSet> {
    this.keys ??= this.find().catch((error: unknown) => {
      this.keys = undefined;
      throw error;
    });
    return this.keys;
  }

  private async find(): Promise<RemoteJWKSet> {
    const { jwksUrl, timeoutMs = 3_000, cacheMs = 600_000, cooldownMs = 30_000 } = this.options;
    const url = new URL(jwksUrl ?? (await this.discover(timeoutMs)));
    return createRemoteJWKSet(url, {
      timeoutDuration: timeoutMs,
      cacheMaxAge: cacheMs,
      cooldownDuration: cooldownMs,
    });
  }

  private async discover(timeoutMs: number): Promise<string> {
    const { issuer } = this.options;
    const address = `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`;
    let document: { issuer?: unknown; jwks_uri?: unknown };
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`it answered ${response.status}`);
      }
      document = (await response.json()) as typeof document;
    } catch (cause) {
      throw new IssuerUnavailable(`${address} cannot be read: ${(cause as Error).message}`, { cause });
    }
    // Section 4.3: a document that speaks for another issuer must not be believed.
    if (document.issuer !== issuer)
      throw new IssuerUnavailable(`${address} speaks for ${JSON.stringify(document.issuer)}, not for ${issuer}`);
    if (typeof document.jwks_uri !== "string" || !URL.canParse(document.jwks_uri))
      throw new IssuerUnavailable(`${address} has no jwks_uri`);
    return document.jwks_uri;
  }
}
