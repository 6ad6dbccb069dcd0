/**
 * Where replay buffers live when a session may be resumed on another router (A9.3): the port, the store in memory, and the
 * suite that every implementation must pass.
 * @packageDocumentation
 */
export { replayCompliance } from "./compliance.js";
export type { ComplianceCase } from "./compliance.js";
export { createReplayMemory } from "./memory-store.js";
export type { Attachment, ReplayCommand, ReplayEntry, ReplayKey, ReplayStore } from "./store.js";
