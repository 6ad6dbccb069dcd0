/**
 * Who may call an adapter.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Health } from "./gen/grpc/health/v1/health_pb.js";

/** What a call shows of its caller. */
export interface Caller {
  /** From `authorization: Bearer`. */
  readonly token: string | undefined;
  /** Such as `atp.adapter.v1.AdapterService/Stream`. */
  readonly method: string;
}

/** Judges a call; throws, or rejects, to refuse it with UNAUTHENTICATED. */
export type Authorize = (caller: Caller) => void | Promise<void>;

/** An adapter that would listen beyond loopback for everyone. */
export class OpenDoorError extends Error {
  override readonly name = "OpenDoorError";

  constructor(host: string) {
    super(
      `HOST ${JSON.stringify(host)} is beyond loopback, and anybody could spend: set TLS_CA_FILE, TOKEN_FILE, or ALLOW_ANONYMOUS=true if that is meant`,
    );
  }
}

/** Whether an address means this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Takes calls that show this token, compared in constant time. */
export function sharedToken(token: string): Authorize {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const expected = digest(token);
  return ({ token: shown }) => {
    if (shown === undefined)
      throw new ConnectError("a token is needed: send authorization: Bearer", Code.Unauthenticated);
    if (!timingSafeEqual(digest(shown), expected)) {
      throw new ConnectError("the token is not the one of this adapter", Code.Unauthenticated);
    }
  };
}

/** Asks before each call. A load balancer's health check has no token. */
export function authorizing(authorize: Authorize): Interceptor {
  return (next) => async (request) => {
    if (request.service.typeName !== Health.typeName) {
      const token = /^Bearer (.+)$/i.exec(request.header.get("authorization") ?? "")?.[1];
      try {
        await authorize({ token, method: `${request.service.typeName}/${request.method.name}` });
      } catch (thrown) {
        if (thrown instanceof ConnectError) throw thrown;
        throw new ConnectError("the caller is not allowed here", Code.Unauthenticated, undefined, undefined, thrown);
      }
    }
    return next(request);
  };
}
