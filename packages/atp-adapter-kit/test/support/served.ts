import { onTestFinished } from "vitest";
import {
  type AdapterDefinition,
  defineAdapter,
  serveAdapter,
  type ServedAdapter,
  type ServeOptions,
} from "../../src/index.js";
import { GrpcClient } from "./grpc-client.js";

/** A definition with a name and prices, so that a test writes only what it is about. */
export function definition(parts: Partial<AdapterDefinition>): AdapterDefinition {
  return {
    name: "test-adapter",
    prices: { inUsdMicrosPerMtok: 1_000_000, outUsdMicrosPerMtok: 2_000_000 },
    stream: async function* () {
      yield { text: "hello" };
    },
    ...parts,
  };
}

/** Serves a definition on a free loopback port for the length of one test. */
export async function serve(
  parts: Partial<AdapterDefinition>,
  options: ServeOptions = {},
): Promise<{ client: GrpcClient; served: ServedAdapter }> {
  const served = await serveAdapter(defineAdapter(definition(parts)), {
    port: 0,
    handleSignals: false,
    drainMs: 0,
    ...options,
  });
  const client = new GrpcClient(served.url);
  onTestFinished(async () => {
    client.close();
    await served.close();
  });
  return { client, served };
}

/** A promise to settle from outside. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
