/**
 * The client under the `ai` package: a transport for `useChat`, and a provider for `streamText` and `generateText`.
 * @packageDocumentation
 */
export { AtpChatTransport } from "./chat-transport.js";
export type { AtpChatTransportOptions, RunRefStore } from "./chat-transport.js";
export { createAtp } from "./language-model.js";
export type { AtpModelOptions, AtpProvider } from "./language-model.js";
