/**
 * Who may call from a browser: a page of another site must not read or write memory through its visitor's machine.
 */
import { HttpError } from "./http-error.js";

/** What the check knows about this server. */
export interface AccessRules {
  /** The server listens on a loopback address only. */
  readonly loopback: boolean;
  /** Origins allowed besides, such as `https://app.example`. */
  readonly allowedOrigins: readonly string[];
  /** Host names allowed besides loopback ones, without port. */
  readonly allowedHosts: readonly string[];
}

/**
 * Checks `Origin` and `Host` (rule A1.3): an origin passes when it is absent, equals the host, is loopback on a loopback
 * server, or is listed; `null` never. On loopback the host must be loopback or listed, which stops DNS rebinding.
 *
 * @throws HttpError `ESEC`
 */
export function checkAccess(headers: Headers, rules: AccessRules): void {
  const host = headers.get("host") ?? "";
  if (rules.loopback && !isLoopbackName(hostName(host)) && !rules.allowedHosts.includes(hostName(host))) {
    throw new HttpError("ESEC", `the host ${JSON.stringify(host)} is not a name of this server`);
  }
  const origin = headers.get("origin");
  if (origin === null || rules.allowedOrigins.includes(origin)) return;
  const originHost = hostOfOrigin(origin);
  if (originHost !== undefined && originHost === host.toLowerCase()) return;
  if (originHost !== undefined && rules.loopback && isLoopbackName(hostName(originHost))) return;
  throw new HttpError("ESEC", `the origin ${JSON.stringify(origin)} is not allowed`);
}

/** Whether an address or name means this machine only. */
export function isLoopbackName(name: string): boolean {
  return name === "localhost" || name === "::1" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}

/** The `host[:port]` of an origin; undefined for `null` and for what is no origin. */
function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1];
}
