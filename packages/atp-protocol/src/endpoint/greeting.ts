import { CTRL, OPT } from "../codec/flags.js";
import { closeCodes } from "../frame/close-codes.js";
import type { ErrorContent } from "../frame/errors.js";
import { CONNECTION_STREAM, type Frame } from "../frame/frame.js";
import { payloadTypes, type WelcomeContent } from "../frame/payload.js";
import { readHello } from "./contents.js";
import { errorOf } from "./failure.js";
import { close } from "./outbox.js";
import { connectionError, PAUSED_BY_GREETING, unpause } from "./pausing.js";
import { countProtocolError } from "./router-failure.js";
import { routerError } from "./router-error.js";
import { sendConnectionCtrl } from "./sender.js";
import type { RouterState as State } from "./router-state.js";
import { sharedCapabilities } from "./state.js";
import { armLiveness } from "./liveness.js";
import { issueToken } from "./tokens.js";
import type { Grant } from "./types.js";

/** Whether a frame is a HELLO (A2.1). */
export function isHello(frame: Frame, bits: number): boolean {
  return frame.payload?.type === payloadTypes.hello && (bits & ~OPT) === CTRL && frame.stream_id === CONNECTION_STREAM;
}

/** Router: HELLO asks the host who this is; what follows waits for its answer. */
export function onHello(s: State, frame: Frame): void {
  const hello = readHello(frame.payload?.content);
  if (hello === null) {
    connectionError(
      s,
      errorOf("EPROTO", "A2.1", "a HELLO is {client {name, version}, capabilities[], token?, resume?}"),
      frame.session_id,
    );
    countProtocolError(s);
    return;
  }
  s.phase = "greeting";
  s.sessionId = frame.session_id;
  s.helloBy = null;
  s.asked = hello.resume;
  s.capabilities = sharedCapabilities(s, hello.capabilities);
  armLiveness(s);
  s.fx.push({ t: "hello", sessionId: frame.session_id, hello });
}

/**
 * Router: the host knows the client. A connection without HELLO is told nothing.
 * @returns whether frames that waited may be read now.
 */
export function onGranted(s: State, grant: Grant): boolean {
  if (s.phase !== "greeting") return false;
  s.phase = "open";
  welcome(s, grant);
  const resume = s.asked;
  s.asked = undefined;
  if (resume !== undefined) {
    // A host that knew the token would have moved the socket to that session's endpoint (A9.3).
    const streams = resume.streams.map((entry) => entry.stream_id);
    connectionError(s, routerError("ERESUME", "A9.3", "this resume token is unknown or expired", { streams }, "maybe"));
  }
  if (s.capabilities.resume && grant.resumeToken !== undefined)
    issueToken(s, undefined, grant.resumeTokenId ?? grant.resumeToken);
  unpause(s, PAUSED_BY_GREETING);
  return true;
}

/** Sends `control.welcome` (A2.2). */
export function welcome(s: State, grant: Grant): void {
  const resumes = s.capabilities.resume && grant.resumeToken !== undefined;
  const content: WelcomeContent = {
    server: grant.server,
    levels: grant.levels,
    capabilities: s.config.capabilities,
    epoch: grant.epoch,
    ...(resumes ? { resume_token: grant.resumeToken } : {}),
    ...(grant.resumeUrl === undefined ? {} : { resume_url: grant.resumeUrl }),
    limits: s.limits,
    lease: grant.lease,
    principal: grant.principal,
  };
  sendConnectionCtrl(s, { type: payloadTypes.welcome, content });
}

/** Router: the host refuses the client; what was sent with HELLO did not happen (A2.1). */
export function onRefused(s: State, error: ErrorContent, closeCode: number): void {
  if (s.phase === "idle" || s.phase === "closing") return;
  s.held = null;
  connectionError(s, error);
  close(s, closeCode, error.code);
}

/** Router: no first frame came in time (A2.2). */
export function onNoHello(s: State): void {
  close(s, closeCodes.noHello, "no first frame within 10 s");
}
