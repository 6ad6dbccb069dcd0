/**
 * Schemas of every untrusted content, and of the frame. The published JSON Schema and AsyncAPI documents are generated
 * from them. Not part of the client's graph: the decoder checks the envelope by hand.
 * @packageDocumentation
 */
export { credit, id, memoryRequest, meta, qos, share, uint, window } from "./basics.js";
export { frame, payload } from "./frame.js";
export {
  authContent,
  cancelContent,
  chatMessage,
  detachContent,
  feedbackContent,
  helloContent,
  inputContent,
  requestContent,
  windowUpdateContent,
} from "./requests.js";
export {
  acceptContent,
  consensusContent,
  detachedContent,
  errorContent,
  evidence,
  finalContent,
  fragmentContent,
  logContent,
  partialContent,
  planContent,
  questionContent,
  resumedContent,
  statusContent,
  telemetry,
  welcomeContent,
} from "./results.js";
