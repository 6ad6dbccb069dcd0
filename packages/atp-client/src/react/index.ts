/**
 * React hooks for runs. Safe in StrictMode and on a server: nothing is asked while rendering.
 * @packageDocumentation
 */
export { AtpProvider, useAtpClient } from "./provider.js";
export type { AtpProviderProps } from "./provider.js";
export { useAtpState, useAtpStream } from "./use-atp-stream.js";
export type { AtpStream, UseAtpStreamOptions } from "./use-atp-stream.js";
export type { RunStatus, RunView } from "./run-store.js";
