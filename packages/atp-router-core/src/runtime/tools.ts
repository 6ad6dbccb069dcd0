import type { AdapterPort, Clock, LedgerStore, MemoryPort, Observer, PolicyPort } from "../ports/index.js";
import type { Redactor } from "../policy/redact.js";
import type { Emit, StreamHost } from "./host.js";
import type { LedgerDesk } from "./ledger-desk.js";
import type { RouterLimits } from "./router.js";
import type { TenantBudgets } from "./tenant-budgets.js";

/** What effects are performed with. */
export interface Tools {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly adapters: ReadonlyMap<string, AdapterPort>;
  /** What is known of an adapter's name and model. */
  readonly describe: (adapter: string) => { readonly name: string; readonly model?: string };
  readonly policy: PolicyPort;
  readonly redactor: Redactor;
  readonly memory: MemoryPort | undefined;
  readonly ledger: LedgerStore;
  readonly desk: LedgerDesk;
  readonly budgets: TenantBudgets;
  readonly observer: Observer | undefined;
  /** An id for a defect, which the log and the client are both told. */
  readonly defectId: () => string;
  readonly limits: RouterLimits;
  readonly hosts: ReadonlyMap<string, StreamHost>;
  /** Keeps a router that drains from ending before a write has. */
  readonly writing: (write: Promise<void>) => void;
  /** Asks the challenger what this stream asked; absent where nobody challenges. */
  readonly tryChallenger?: (host: StreamHost) => void;
  /** Called after the stream's end was told. */
  readonly closed: (host: StreamHost) => void;
}
