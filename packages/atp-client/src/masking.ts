import type { Frame } from "atp-protocol";

const secrets = new Set(["token", "resume_token", "sig"]);
const MASK = "***";

/** A copy of a frame for eyes and logs: tokens and signatures read `***` (A9.3). A frame without them is returned as it is. */
export function maskFrame(frame: Frame): Frame {
  const content = frame.payload?.content;
  const secretContent = frame.payload?.type.startsWith("control.") === true && hasSecret(content);
  if (frame.sig === undefined && !secretContent) return frame;
  return {
    ...frame,
    ...(frame.sig === undefined ? {} : { sig: MASK }),
    ...(frame.payload !== undefined && secretContent
      ? { payload: { ...frame.payload, content: masked(content) } }
      : {}),
  };
}

function hasSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, member]) => secrets.has(key) || hasSecret(member));
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, secrets.has(key) ? MASK : masked(member)]),
  );
}
