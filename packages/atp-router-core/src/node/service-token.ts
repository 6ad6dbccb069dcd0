import { readFileSync } from "node:fs";
import { AdapterFailure } from "../ports/index.js";

/** The token that this router shows a service, as it is now. @throws AdapterFailure `unavailable` while there is none */
export type ServiceToken = () => string;

/** How long a token's file is taken for unchanged: orchestrators rotate such files every few minutes. */
const FILE_MS = 10_000;
/** A token is renewed when this share of its life is over. */
const RENEW_AT = 0.8;
const MIN_RENEW_MS = 1_000;
/** After a failure it is tried again so soon. */
const RETRY_MS = 2_000;
const DEFAULT_LIFE_S = 300;

function none(why: string, cause?: unknown): AdapterFailure {
  return new AdapterFailure({ kind: "unavailable", message: `there is no service token: ${why}`, sent: false }, cause);
}

/** A token in a file that something else renews, such as a projected service account token. */
export function fileToken(path: string, wall: () => number = Date.now): ServiceToken {
  let token = "";
  let readAt = -Infinity;
  return () => {
    const now = wall();
    if (now - readAt < FILE_MS) return token;
    try {
      token = readFileSync(path, "utf8").trim();
    } catch (error) {
      throw none(`${path} cannot be read`, error);
    }
    if (token === "") throw none(`${path} is empty`);
    readAt = now;
    return token;
  };
}

/** The OAuth 2.0 client credentials grant (RFC 6749, section 4.4). */
export interface ClientCredentials {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  /** Sent as `resource` (RFC 8707) and `audience`, for issuers of either kind. */
  readonly audience?: string;
  /** @default 3000 */
  readonly timeoutMs?: number;
}

/** A token that renews itself. */
export interface RenewedToken {
  readonly current: ServiceToken;
  /** Resolves when the first attempt ended, well or not. */
  readonly first: Promise<void>;
  close(): void;
}

/** Asks for a token now and again when four fifths of its life are over. While the issuer is away the last one counts to its end. */
export function clientCredentialsToken(options: ClientCredentials): RenewedToken {
  let token: { readonly text: string; readonly until: number } | undefined;
  let problem: unknown = "it was not given yet";
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function renew(): Promise<void> {
    let waitMs = RETRY_MS;
    try {
      const { text, lifeS } = await ask(options);
      token = { text, until: performance.now() + lifeS * 1_000 };
      waitMs = Math.max(MIN_RENEW_MS, lifeS * 1_000 * RENEW_AT);
    } catch (error) {
      problem = error;
    }
    if (closed) return;
    timer = setTimeout(() => void renew(), waitMs);
    timer.unref();
  }

  return {
    first: renew(),
    current() {
      if (token !== undefined && performance.now() < token.until) return token.text;
      throw none(problem instanceof Error ? problem.message : String(problem), problem);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

async function ask(options: ClientCredentials): Promise<{ readonly text: string; readonly lifeS: number }> {
  const { tokenUrl, clientId, clientSecret, scope, audience, timeoutMs = 3_000 } = options;
  const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64");
  const response = await fetch(tokenUrl, {
    method: "POST",
    headers: { authorization: `Basic ${basic}`, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      ...(scope === undefined ? {} : { scope }),
      ...(audience === undefined ? {} : { resource: audience, audience }),
    }),
    signal: AbortSignal.timeout(timeoutMs),
    redirect: "error",
  });
  const body = (await response.json().catch(() => ({}))) as { access_token?: unknown; expires_in?: unknown };
  if (!response.ok || typeof body.access_token !== "string") throw new Error(`${tokenUrl} answered ${response.status}`);
  const lifeS = typeof body.expires_in === "number" && body.expires_in > 0 ? body.expires_in : DEFAULT_LIFE_S;
  return { text: body.access_token, lifeS };
}
