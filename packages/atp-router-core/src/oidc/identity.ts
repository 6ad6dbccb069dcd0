import { createHash } from "node:crypto";
import { AtpError } from "atp-protocol";
import { errors, jwtVerify } from "jose";
import type { JWTVerifyOptions } from "jose";
import type { Principal } from "../model/index.js";
import type { Credentials, IdentityPort } from "../ports/index.js";
import { principalOf } from "./claims.js";
import type { ClaimNames } from "./claims.js";
import { IssuerKeys, IssuerUnavailable } from "./issuer-keys.js";
import type { IssuerKeysOptions } from "./issuer-keys.js";
import { TokenCache } from "./token-cache.js";

/** Options of {@link oidcIdentity}. */
export interface OidcIdentityOptions extends IssuerKeysOptions {
  /** What `aud` must name: this router. One of several is enough. */
  readonly audience: string | readonly string[];
  /** Signature algorithms taken. Symmetric ones and `none` never are. @default ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA Ed25519 */
  readonly algorithms?: readonly string[];
  /** Values of the header `typ` taken, compared as media types; `none` stands for a token without. @default at+jwt, JWT, none */
  readonly types?: readonly string[];
  /** How far clocks may differ. @default 30 */
  readonly clockToleranceS?: number;
  /** Longer tokens are refused before anything is read of them. @default 8192 */
  readonly maxTokenBytes?: number;
  readonly claims?: ClaimNames;
  /** The tenant of tokens without one. @default none: such a token is refused */
  readonly defaultTenant?: string;
  /** A token that was verified counts for so long without a new look at its signature, never beyond its `exp`. 0 turns it off. @default 60000 */
  readonly trustMs?: number;
  /** Unix milliseconds. @default Date.now */
  readonly wall?: () => number;
}

/** Identity by tokens of an OpenID Connect issuer. */
export interface OidcIdentity extends IdentityPort {
  /** Whether the issuer's keys can be had, for readiness. */
  ready(): Promise<boolean>;
}

interface Verified {
  readonly principal: Principal;
  readonly expiresAt: number;
}

const asymmetric = "ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA Ed25519".split(" ");
const CACHED_TOKENS = 10_000;

/**
 * Access tokens as RFC 9068 and OpenID Connect describe them: signed JWTs whose issuer, audience, type, expiry and signature are
 * checked with `jose` against the issuer's published keys. Fails closed: an issuer that cannot be asked lets nobody in.
 *
 * @throws TypeError when an algorithm is symmetric, `none` or unknown, or no audience is named
 */
export function oidcIdentity(options: OidcIdentityOptions): OidcIdentity {
  const { audience, claims = {}, maxTokenBytes = 8_192, trustMs = 60_000, wall = Date.now } = options;
  const algorithms = [...(options.algorithms ?? asymmetric)];
  const wrong = algorithms.find((algorithm) => !asymmetric.includes(algorithm));
  if (wrong !== undefined) throw new TypeError(`${wrong} is no asymmetric signature algorithm`);
  const audiences = typeof audience === "string" ? [audience] : [...audience];
  if (audiences.length === 0 || audiences.includes("")) throw new TypeError("an audience must be named");
  const types = (options.types ?? ["at+jwt", "JWT", "none"]).map(mediaType);
  const keys = new IssuerKeys(options);
  const known = new TokenCache<Verified>(CACHED_TOKENS);

  async function verify(token: string): Promise<Verified> {
    const now = wall();
    const rules: JWTVerifyOptions = {
      issuer: options.issuer,
      audience: audiences,
      algorithms,
      clockTolerance: options.clockToleranceS ?? 30,
      requiredClaims: ["exp"],
      currentDate: new Date(now),
    };
    const { payload, protectedHeader } = await jwtVerify(token, await keys.get(), rules);
    const type = protectedHeader.typ === undefined ? "none" : mediaType(protectedHeader.typ);
    if (!types.includes(type)) throw new AtpError("EAUTH", "The token is of a type that is not taken here.");
    const tolerance = (options.clockToleranceS ?? 30) * 1_000;
    // RFC 7519 leaves `iat` to its reader: one from the future is a forged clock.
    if ((payload.iat ?? 0) * 1_000 > now + tolerance) throw new AtpError("EAUTH", "The token is from the future.");
    return {
      principal: principalOf(payload, claims, options.defaultTenant),
      expiresAt: (payload.exp ?? 0) * 1_000,
    };
  }

  async function authenticate({ token }: Credentials): Promise<Verified> {
    if (token === undefined)
      throw new AtpError("EAUTH", "A token is needed: send `Authorization: Bearer`, or `token` in HELLO.");
    if (token.length > maxTokenBytes) throw new AtpError("EAUTH", `The token is over ${maxTokenBytes} bytes.`);
    const hash = createHash("sha256").update(token).digest("base64");
    const now = wall();
    const cached = known.get(hash, now);
    if (cached !== undefined) return cached;
    try {
      const verified = await verify(token);
      if (trustMs > 0) known.set(hash, verified, Math.min(now + trustMs, verified.expiresAt));
      return verified;
    } catch (error) {
      throw refusal(error);
    }
  }

  return {
    authenticate,
    async ready() {
      try {
        const set = await keys.get();
        if (!set.fresh) await set.reload();
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** `application/at+jwt` and `AT+JWT` are the same type (RFC 7515, section 4.1.9). */
function mediaType(type: string): string {
  return type.toLowerCase().replace(/^application\//, "");
}

/** What a caller is told. Never a token's content. */
function refusal(error: unknown): AtpError {
  if (error instanceof AtpError) return error;
  const told = (message: string): AtpError => new AtpError("EAUTH", message, { cause: error });
  if (error instanceof errors.JWTExpired)
    return new AtpError("EAUTH", "The token has expired. Get a new one.", { cause: error, details: { expired: true } });
  if (error instanceof errors.JWTClaimValidationFailed) return told(claimProblem(error.claim));
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSMultipleMatchingKeys)
    return told("The token's signature is not its issuer's.");
  if (error instanceof errors.JOSEAlgNotAllowed) return told("The token is signed by an algorithm that is not taken.");
  if (error instanceof errors.JWKSNoMatchingKey)
    return told("The token is signed by a key that its issuer does not have.");
  if (error instanceof IssuerUnavailable || error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError))
    return new AtpError("EOVERLOAD", "The issuer of tokens cannot be asked now. Try again.", {
      retryAfterMs: 1_000,
      cause: error,
    });
  if (error.code === "ERR_JOSE_GENERIC")
    return new AtpError("EOVERLOAD", "The issuer's keys cannot be had now. Try again.", {
      retryAfterMs: 1_000,
      cause: error,
    });
  return told("The token is malformed.");
}

function claimProblem(claim: string): string {
  switch (claim) {
    case "aud":
      return "The token is for another audience.";
    case "iss":
      return "The token is another issuer's.";
    case "nbf":
      return "The token is not valid yet.";
    default:
      return `The token's claim ${claim} is missing or wrong.`;
  }
}
