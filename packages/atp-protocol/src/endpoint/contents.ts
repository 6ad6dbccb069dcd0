import { isId, isObject, isStrings, isUint, isWindow } from "../codec/envelope.js";
import type { Credit, Window } from "../frame/frame.js";
import type { HelloContent, WelcomeContent, WindowUpdateContent, WireLimits } from "../frame/payload.js";

/**
 * Checks by hand of the few contents that the endpoint itself acts on. All others are checked by the host, with the
 * schemas of `atp-protocol/schema`.
 */

/** The content of `control.hello`, or null when it is malformed (A2.1). */
export function readHello(content: unknown): HelloContent | null {
  if (!isObject(content)) return null;
  const { client, capabilities, token, resume } = content;
  if (!isObject(client) || typeof client["name"] !== "string" || typeof client["version"] !== "string") return null;
  if (!isStrings(capabilities) || (token !== undefined && typeof token !== "string")) return null;
  if (resume !== undefined && !isResume(resume)) return null;
  return content as unknown as HelloContent;
}

function isResume(resume: unknown): boolean {
  if (!isObject(resume) || typeof resume["resume_token"] !== "string") return false;
  const streams: unknown = resume["streams"];
  return (
    Array.isArray(streams) &&
    streams.every((entry) => isObject(entry) && isId(entry["stream_id"]) && isUint(entry["last_seq"]))
  );
}

/** The content of `control.window_update`, or null (A7.6). */
export function readWindowUpdate(content: unknown): WindowUpdateContent | null {
  if (!isObject(content) || !isUint(content["number"]) || !isWindow(content["window"])) return null;
  return content as unknown as { number: number; window: Window };
}

/** The content of `control.welcome`, or null; limits that are missing or no integers keep their values. */
export function readWelcome(content: unknown, limits: WireLimits): WelcomeContent | null {
  if (!isObject(content) || !isStrings(content["capabilities"]) || typeof content["epoch"] !== "string") return null;
  const token = content["resume_token"];
  if (token !== undefined && typeof token !== "string") return null;
  const told = isObject(content["limits"]) ? content["limits"] : {};
  const merged: Record<string, number> = { ...limits };
  for (const key of Object.keys(limits)) {
    const value = told[key];
    if (isUint(value) && value > 0) merged[key] = value;
  }
  return { ...(content as unknown as WelcomeContent), limits: merged as unknown as WireLimits };
}

/** How one stream stands after a resume (A9.2). */
export interface ResumedStream {
  readonly stream_id: string;
  readonly state: "live" | "finished" | "gap" | "gone";
  /** The next number of the router that will come. */
  readonly next_seq: number;
  /** The highest number of the client that the router has. */
  readonly ack: number;
  readonly used: Credit;
  /** With `gone`: whether the SYN ever came. */
  readonly processed?: "no" | "maybe";
}

/** The content of `control.resumed`, or null. */
export function readResumed(content: unknown): readonly ResumedStream[] | null {
  if (!isObject(content)) return null;
  const streams: unknown = content["streams"];
  if (!Array.isArray(streams)) return null;
  const whole = streams.every(
    (entry) =>
      isObject(entry) &&
      isId(entry["stream_id"]) &&
      typeof entry["state"] === "string" &&
      isUint(entry["next_seq"]) &&
      isUint(entry["ack"]),
  );
  return whole ? (streams as ResumedStream[]) : null;
}

/** A reason's text, whatever the peer sent. */
export function readReason(content: unknown): string {
  return isObject(content) && typeof content["reason"] === "string" ? content["reason"] : "";
}
