import type { IncomingMessage } from "node:http";

/** Which browsers and hosts a listener serves. */
export interface OriginRules {
  /** The listener is bound to loopback. */
  readonly loopback: boolean;
  /** Origins allowed beside the listener's own, such as `https://app.example.com`. */
  readonly allowedOrigins: readonly string[];
  /** Host names allowed beside loopback ones, without port. */
  readonly allowedHosts: readonly string[];
}

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/** Whether a host name or address means this machine. */
export function isLoopback(host: string): boolean {
  return loopbackNames.has(host) || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host.endsWith(".localhost");
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

/**
 * Why a request is refused before it is looked at, or undefined: bound to loopback its `Host` must be loopback or listed
 * (DNS rebinding), and its `Origin`, when a browser sends one, the listener's own, a loopback one, or listed (A1.3).
 */
export function refusedOrigin(request: IncomingMessage, rules: OriginRules): string | undefined {
  const host = request.headers.host ?? "";
  const name = hostName(host);
  if (rules.loopback && !isLoopback(name) && !rules.allowedHosts.includes(name))
    return `Host ${name} is not served here`;
  const { origin } = request.headers;
  if (origin === undefined) return undefined;
  if (rules.allowedOrigins.includes(origin)) return undefined;
  try {
    const url = new URL(origin);
    if (url.host === host.toLowerCase()) return undefined;
    if (rules.loopback && isLoopback(url.hostname)) return undefined;
  } catch {
    // `null` and everything else that is no origin.
  }
  return `Origin ${origin} is not allowed`;
}
