import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AdapterService } from "atp-protocol/adapter";
import { AdapterFailure, type AdapterPort, type CallContext, type CallOptions, type Clock } from "atp-router-core";
import { failureOf, statusFailure } from "./failures.js";
import { LegFlow } from "./leg-flow.js";
import { estimateRequest, metadata, streamRequest, toEstimate, toHealth } from "./messages.js";

/** AdapterPort over `@connectrpc/connect-node`, as its documentation uses it: promises and async iterables. */
export function connectPort(url: string, clock: Clock): AdapterPort {
  const sessionManager = new Http2SessionManager(url);
  const client = createClient(
    AdapterService,
    createGrpcTransport({ baseUrl: url, useBinaryFormat: true, sessionManager }),
  );

  const callOptions = (call: CallContext | undefined, options: CallOptions) => ({
    timeoutMs: Math.max(1, Math.ceil(options.deadlineAt - clock.now())),
    ...(call === undefined ? {} : { headers: new Headers(metadata(call)) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });

  return {
    id: url,
    estimate: (call, options) =>
      client
        .estimate(estimateRequest(call), callOptions(call, options))
        .then(toEstimate)
        .catch((error: unknown) => {
          throw toFailure(error, options.signal?.aborted === true);
        }),
    health: (options) =>
      client
        .health({}, callOptions(undefined, options))
        .then(toHealth)
        .catch((error: unknown) => {
          throw toFailure(error, options.signal?.aborted === true);
        }),
    open(call, sink) {
      const abort = new AbortController();
      let wake: (() => void) | undefined;
      // The loop below pulls one message at a time, so pausing is not pulling.
      const flow = new LegFlow(sink, {
        pause: () => undefined,
        resume: () => {
          wake?.();
          wake = undefined;
        },
      });
      const run = async (): Promise<void> => {
        const messages = client.stream(
          streamRequest(call),
          callOptions(call, { deadlineAt: call.deadlineAt, signal: abort.signal }),
        );
        for await (const message of messages) {
          flow.offer(message);
          if (flow.ended) {
            // After a final the server closes the call; after a broken message nobody reads on.
            if (message.more) abort.abort();
            continue;
          }
          if (!flow.hungry) await new Promise<void>((resolve) => (wake = resolve));
        }
        flow.endOfTransport({ kind: "protocol", message: "the stream ended without a final", sent: true });
      };
      run().catch((error: unknown) => flow.endOfTransport(toFailure(error, abort.signal.aborted).failure));
      return {
        demand: (n) => flow.demand(n),
        cancel: (reason) => {
          abort.abort();
          flow.fail({ kind: "cancelled", message: reason, sent: true });
          wake?.();
        },
      };
    },
    close: () => sessionManager.abort(),
  };
}

function toFailure(error: unknown, cancelledHere: boolean): AdapterFailure {
  if (error instanceof AdapterFailure) return error;
  if (!(error instanceof ConnectError)) return new AdapterFailure(failureOf(error), error);
  return new AdapterFailure(statusFailure(error.code, error.rawMessage, cancelledHere), error);
}
