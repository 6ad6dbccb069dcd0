import { useEffect, useState } from "react";

/** One lane, as `GET /v1/lanes` tells it. */
export interface Lane {
  readonly weight: number;
  readonly queued: number;
  readonly running: number;
  readonly granted: number;
  readonly shed: number;
  readonly oldest_wait_ms: number;
}

/** The answer of `GET /v1/lanes`, as far as the page shows it. */
export interface LanesReport {
  readonly slots: number;
  readonly running: number;
  readonly admitted_share: number;
  readonly lanes: Readonly<Record<string, Lane>>;
  readonly adapters: Readonly<
    Record<string, { readonly status: string; readonly limit: number; readonly running: number }>
  >;
}

const EVERY_MS = 1_000;

/** Asks the router for its load once a second while the view is open and the page looked at. */
export function useLanes(): { readonly report: LanesReport | undefined; readonly error: string | undefined } {
  const [told, setTold] = useState<{ report?: LanesReport; error?: string }>({});
  useEffect(() => {
    const gone = new AbortController();
    const ask = async (): Promise<void> => {
      if (document.visibilityState === "hidden") return;
      try {
        const response = await fetch("/v1/lanes", { signal: gone.signal });
        if (!response.ok) throw new Error(`the router answered ${response.status}`);
        setTold({ report: (await response.json()) as LanesReport });
      } catch (thrown) {
        if (!gone.signal.aborted) setTold(({ report }) => ({ ...(report && { report }), error: String(thrown) }));
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MS);
    return () => {
      clearInterval(timer);
      gone.abort();
    };
  }, []);
  return { report: told.report, error: told.error };
}
