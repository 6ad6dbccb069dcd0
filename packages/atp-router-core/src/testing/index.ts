/**
 * One simulator for all: virtual time, scripted adapters, in-memory sockets, stores with faults, and the real runtime on them;
 * and one compliance suite per port.
 * @packageDocumentation
 */
export { faultyLedger } from "./faulty-ledger.js";
export type { FaultyLedger, LedgerFaults } from "./faulty-ledger.js";
export { ledgerStoreCompliance } from "./ledger-compliance.js";
export type { MakeLedgerStore, TestTools } from "./ledger-compliance.js";
export { learningStoreCompliance } from "./learning-compliance.js";
export { connectMemorySocket } from "./memory-socket.js";
export type { MemorySocket } from "./memory-socket.js";
export { nonceStoreCompliance } from "./nonce-compliance.js";
export { runStoreCompliance } from "./run-compliance.js";
export type { RunStoreHarness } from "./run-compliance.js";
export { readerOf } from "./reader.js";
export { scriptedAdapter } from "./scripted-adapter.js";
export type { AdapterScript, ScriptedAdapter, ScriptStep } from "./scripted-adapter.js";
export { createSimulation, syn } from "./simulation.js";
export type { Simulation, SimulationConfig } from "./simulation.js";
export { createVirtualClock, seededRng } from "./virtual-clock.js";
export type { VirtualClock } from "./virtual-clock.js";
