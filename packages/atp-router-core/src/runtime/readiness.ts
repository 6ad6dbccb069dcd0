import type { LedgerStore, MemoryPort, PolicyPort } from "../ports/index.js";
import type { AdapterStatus } from "../model/index.js";
import type { Readiness } from "./router.js";

/** Asks each part whether it can do its work. */
export async function readiness(parts: {
  readonly adapters: readonly { readonly status: AdapterStatus }[];
  readonly policy: PolicyPort;
  readonly memory: MemoryPort | undefined;
  readonly ledger: LedgerStore;
  readonly draining: boolean;
}): Promise<Readiness> {
  const { adapters, policy, memory, ledger } = parts;
  const up = adapters.filter(({ status }) => status === "READY" || status === "BUSY").length;
  const checks: Record<string, { ok: boolean; message?: string }> = {};
  if (up > 0) checks["adapters"] = { ok: true, message: `${up} of ${adapters.length} up` };
  else
    checks["adapters"] = {
      ok: false,
      message: adapters.length === 0 ? "no adapter is configured" : "no adapter is up",
    };
  const ask = async (name: string, probe: (() => Promise<unknown>) | undefined): Promise<void> => {
    if (probe === undefined) return;
    const ok = await probe().then(
      (answer) => answer !== false,
      () => false,
    );
    checks[name] = ok ? { ok } : { ok, message: "cannot be reached" };
  };
  await Promise.all([
    ask("policy", policy.ready?.bind(policy)),
    ask("memory", memory?.ready?.bind(memory)),
    ask("ledger", () => ledger.read("tenant:default")),
  ]);
  if (parts.draining) checks["router"] = { ok: false, message: "draining" };
  return { ok: Object.values(checks).every(({ ok }) => ok), checks };
}
