// Names of what an endpoint remembers of itself and of its streams. No host and no wire sees them, so the build shortens
// them: a page that bundles the client need not load them. A name that a type of `src/index.ts` or a frame has stays out.
const names = `
  ackAt ackedSeq allowance committed dataBytes deficit detachedAt endedAt forgetStream fragmentsOpen highMark inSeq
  keptBytes lastAt lastHeardAt lastSentAt lostRest lowMark outSeq peerAck readBytes readSeq reassembly rested sentParts
  sentSeq stalledAt starves terminateAt textBytes timerAt tooBig unfed unreadBytes windowNumbers
`;

/** For esbuild's `mangleProps`. */
export const internalNames = new RegExp(`^(${names.trim().split(/\s+/).join("|")})$`);
