import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { AtpError } from "atp-protocol";
import type { Lane, Limits, Principal } from "../model/index.js";
import type { IdentityPort } from "../ports/index.js";

/** A key as configuration keeps it: its hash, and who its bearer is. */
export interface StaticKey {
  /** Part of the key's text, so that logs and lists can name it. Letters, digits, `.` and `-`. */
  readonly id: string;
  /** `sha256:` and the SHA-256 of the whole key in hexadecimal. */
  readonly hash: string;
  readonly tenant: string;
  /** @default `key:<id>` */
  readonly subject?: string;
  readonly roles?: readonly string[];
  /** `stream`, `observe`. @default both */
  readonly scopes?: readonly string[];
  /** Unix milliseconds. @default it does not expire */
  readonly expiresAt?: number;
  /** Ceilings over all that the key's bearers run. */
  readonly limits?: Limits;
  readonly lanes?: readonly Lane[];
}

/** Options of {@link keyIdentity}. */
export interface KeyIdentityOptions {
  readonly keys: readonly StaticKey[];
  /** Unix milliseconds. @default Date.now */
  readonly wall?: () => number;
}

interface KnownKey {
  readonly digest: Buffer;
  readonly principal: Principal;
  readonly expiresAt: number | undefined;
}

const keyPattern = /^atpk_([A-Za-z0-9.-]{1,64})_[A-Za-z0-9_-]{43}$/;
/** What an unknown id is compared with, so that it takes as long as a known one. */
const nobody = Buffer.alloc(32);

/** Whether a token has the form of a static key. */
export function isKey(token: string): boolean {
  return token.startsWith("atpk_");
}

/**
 * A new key with 256 random bits. The text is shown once; what is kept is its hash. Such a key cannot be guessed from a fast hash,
 * as a password could.
 * @throws TypeError when the id has other characters than letters, digits, `.` and `-`
 */
export function createKey(id: string): { readonly key: string; readonly hash: string } {
  const key = `atpk_${id}_${randomBytes(32).toString("base64url")}`;
  if (!keyPattern.test(key)) throw new TypeError("a key's id has 1 to 64 letters, digits, dots and hyphens");
  return { key, hash: `sha256:${createHash("sha256").update(key).digest("hex")}` };
}

/**
 * Identity by static keys, for development and small teams. A key is compared in constant time with the hash that is kept.
 * @throws TypeError when a hash is malformed or an id comes twice
 */
export function keyIdentity(options: KeyIdentityOptions): IdentityPort {
  const { wall = Date.now } = options;
  const known = new Map<string, KnownKey>();
  for (const { id, hash, tenant, subject, roles, scopes, expiresAt, limits, lanes } of options.keys) {
    const digest = /^sha256:([0-9a-f]{64})$/.exec(hash)?.[1];
    if (digest === undefined) throw new TypeError(`the hash of key ${id} is not sha256: and 64 hexadecimal digits`);
    if (known.has(id)) throw new TypeError(`key ${id} comes twice`);
    known.set(id, {
      digest: Buffer.from(digest, "hex"),
      expiresAt,
      principal: {
        tenant,
        subject: subject ?? `key:${id}`,
        roles: roles ?? [],
        ...(scopes === undefined ? {} : { scopes }),
        ...(limits === undefined ? {} : { limits }),
        ...(lanes === undefined ? {} : { lanes }),
      },
    });
  }

  function check(token: string | undefined): { readonly principal: Principal; readonly expiresAt?: number } {
    if (token === undefined)
      throw new AtpError("EAUTH", "A key is needed: send `Authorization: Bearer`, or `token` in HELLO.");
    const id = keyPattern.exec(token)?.[1];
    const key = id === undefined ? undefined : known.get(id);
    const shown = createHash("sha256").update(token).digest();
    if (!timingSafeEqual(shown, key?.digest ?? nobody) || key === undefined)
      throw new AtpError("EAUTH", "The key is not known here.");
    if (key.expiresAt !== undefined && key.expiresAt <= wall())
      throw new AtpError("EAUTH", "The key has expired. Ask for a new one.", { details: { expired: true } });
    return { principal: key.principal, ...(key.expiresAt === undefined ? {} : { expiresAt: key.expiresAt }) };
  }

  return {
    // A promise of its own, so that a refusal is a rejection.
    authenticate: async ({ token }) => check(token),
  };
}

/** Static keys by their form, all else to the other identity. */
export function keysOr(keys: IdentityPort, other: IdentityPort): IdentityPort {
  return {
    authenticate: (credentials) =>
      credentials.token !== undefined && isKey(credentials.token)
        ? keys.authenticate(credentials)
        : other.authenticate(credentials),
  };
}
