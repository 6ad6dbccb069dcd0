import { codecOps } from "./codec-ops.js";
import type { Answer, Request, Testee } from "./protocol.js";
import { createSession, type Session } from "./session.js";

/** The testee of this package: its codec, and its endpoint on either side in virtual time. */
export function createTypescriptTestee(): Testee {
  let session: Session | null = null;
  const about: Answer = {
    name: "atp-protocol (TypeScript)",
    ops: [...Object.keys(codecOps), "start"],
    sides: ["client", "router"],
    capabilities: ["resume", "credit", "fragments", "integrity", "auth", "sockets"],
  };
  return {
    async ask(request: Request): Promise<Answer> {
      const onData = codecOps[request.op];
      if (onData !== undefined) return onData(request);
      if (request.op === "about") return about;
      if (request.op === "start") {
        session = createSession(request);
        return { out: session.take() };
      }
      if (session === null) return { error: `${request.op} before start` };
      session.handle(request);
      return { out: session.take() };
    },
    close: async () => undefined,
  };
}
