/** What the router needs of the outside: small interfaces, with their units and errors. */
export * from "./adapter-port.js";
export * from "./ledger-store.js";
export * from "./other-ports.js";
export * from "./tracing-port.js";
export * from "./run-store.js";
export * from "./learning-store.js";
