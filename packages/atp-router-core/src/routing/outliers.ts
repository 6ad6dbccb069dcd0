import type { Ms, OutlierConfig } from "../model/index.js";

/** Finds adapters that fail more than the others. */
export interface Outliers {
  count(adapter: string, failed: boolean): void;
  remove(adapter: string): void;
  /** Compares, when it is time to. Answers those that are to be left alone from now on, with the reason. */
  sweep(at: Ms): readonly { readonly id: string; readonly reason: string }[];
  /** Until when it is left alone; undefined when it is not. */
  ejectedUntil(adapter: string, at: Ms): Ms | undefined;
}

interface Host {
  calls: number;
  failures: number;
  /** Times in a row that it was left alone; each interval without makes it one less. */
  times: number;
  until: Ms;
}

const percent = (share: number): string => `${Math.round(100 * share)}%`;

/**
 * Outlier ejection as Envoy and gRPC (proposal A50) do it, by success rate and by failed share. With few adapters only the second counts,
 * since the mean of few says nothing of one.
 */
export function createOutliers(config: OutlierConfig): Outliers {
  const hosts = new Map<string, Host>();
  let sweptAt: Ms | undefined;

  function hostOf(id: string): Host {
    let host = hosts.get(id);
    if (host === undefined) {
      host = { calls: 0, failures: 0, times: 0, until: -Infinity };
      hosts.set(id, host);
    }
    return host;
  }

  /** The success rate below which one stands out; undefined when too few can be compared. */
  function lowest(): number | undefined {
    const rates = [...hosts.values()]
      .filter(({ calls }) => calls >= config.minCalls)
      .map(({ calls, failures }) => 1 - failures / calls);
    if (rates.length < config.minAdapters) return undefined;
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    return mean - config.deviations * Math.sqrt(variance);
  }

  function reasonOf({ calls, failures }: Host, low: number | undefined): string | undefined {
    const share = calls === 0 ? 0 : failures / calls;
    if (low !== undefined && calls >= config.minCalls && 1 - share < low)
      return `${percent(share)} of its ${calls} calls failed, far more than of the others'`;
    if (calls >= config.minCallsAlone && share >= config.failedShare)
      return `${percent(share)} of its ${calls} calls failed`;
    return undefined;
  }

  return {
    count(adapter, failed) {
      const host = hostOf(adapter);
      host.calls++;
      if (failed) host.failures++;
    },
    remove(adapter) {
      hosts.delete(adapter);
    },
    sweep(at) {
      sweptAt ??= at;
      if (at - sweptAt < config.intervalMs) return [];
      sweptAt = at;
      const low = lowest();
      const most = Math.max(1, Math.floor(config.maxShare * hosts.size));
      let out = 0;
      for (const { until } of hosts.values()) if (until > at) out++;
      const ejected: { id: string; reason: string }[] = [];
      const byShare = [...hosts].sort(([, a], [, b]) => b.failures * a.calls - a.failures * b.calls);
      for (const [id, host] of byShare) {
        const reason = host.until > at ? undefined : reasonOf(host, low);
        if (reason !== undefined && out < most) {
          out++;
          host.times++;
          host.until = at + Math.min(config.maxEjectMs, config.ejectMs * host.times);
          ejected.push({ id, reason });
        } else if (host.until <= at && host.times > 0) host.times--;
        host.calls = 0;
        host.failures = 0;
      }
      return ejected;
    },
    ejectedUntil(adapter, at) {
      const until = hosts.get(adapter)?.until ?? -Infinity;
      return until > at ? until : undefined;
    },
  };
}
