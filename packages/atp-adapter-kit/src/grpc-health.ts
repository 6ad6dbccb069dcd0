/**
 * `grpc.health.v1` over an adapter: what probes and load balancers ask.
 */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { AdapterService } from "atp-protocol/adapter";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "./gen/grpc/health/v1/health_pb.js";
import type { AdapterServer } from "./service.js";

const watchEveryMs = 1_000;

/** Check and Watch for the server as a whole (`""`) and for the adapter service. */
export function healthService(server: Pick<AdapterServer, "serving">): ServiceImpl<typeof Health> {
  const statusOf = async (): Promise<Status> => ((await server.serving()) ? Status.SERVING : Status.NOT_SERVING);
  return {
    check: async ({ service }) => {
      if (!isKnown(service)) throw new ConnectError(`unknown service ${JSON.stringify(service)}`, Code.NotFound);
      return { status: await statusOf() };
    },
    watch: async function* ({ service }, { signal }) {
      let told: Status | undefined;
      while (!signal.aborted) {
        const status = isKnown(service) ? await statusOf() : Status.SERVICE_UNKNOWN;
        if (status !== told) yield { status };
        told = status;
        await pause(watchEveryMs, signal);
      }
    },
  };
}

function isKnown(service: string): boolean {
  return service === "" || service === AdapterService.typeName;
}

/** Resolves after the time or when the signal fires, whichever comes first. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
