/** The edge that performs what the pure rooms ask for. */
export type { BudgetsView, BudgetView } from "./budget-view.js";
export { createRouter } from "./create-router.js";
export { allowTools } from "./default-policy.js";
export { checkPolicy } from "../learning/index.js";
export type { Learned, LearningConfig } from "./learning.js";
export type { CalibrationView } from "../router/index.js";
export type { Similarity } from "../consensus/index.js";
export { createMemoryLearningStore } from "./memory-learning-store.js";
export { createMemoryRunStore } from "./memory-run-store.js";
export { createMemoryLedgerStore } from "./memory-ledger-store.js";
export type {
  AdapterSlots,
  AdapterView,
  ExplainRequest,
  LaneOptions,
  LanesReport,
  Lease,
  Readiness,
  Router,
  RouterConfig,
  RouterLimits,
  RouterView,
  TenantConfig,
} from "./router.js";
export { CBOR_SUBPROTOCOL, JSON_SUBPROTOCOL } from "./socket.js";
export type { SocketHandler, SocketInfo, SocketPort, WireCodec } from "./socket.js";
export { systemClock, systemRng } from "./system.js";
export type { IntegrityConfig } from "./integrity.js";
