import { AtpError } from "atp-protocol";
import type { ErrorContent } from "atp-protocol";
import { connectError } from "../errors.js";
import type { ConnectionOptions } from "./options.js";

/**
 * Asks the HTTP side of the router that `--url` names.
 * @throws AtpError for a refusal, AtpDropError `ECONNECT` when nobody is there
 */
export async function askHttp(
  options: ConnectionOptions,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const url = new URL(options.url);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  url.pathname = path;
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  };
  let response: Response;
  try {
    response = await fetch(url, {
      headers,
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
  } catch (thrown) {
    signal?.throwIfAborted();
    throw connectError(`No connection to ${url.origin}.`, undefined, thrown);
  }
  const content: unknown = await response.json().catch(() => null);
  if (response.ok) return content;
  const { error } = (content ?? {}) as { readonly error?: Partial<ErrorContent> };
  const told = {
    code: "EINTERNAL",
    message: `The router answered ${response.status}.`,
    processed: "no",
    retry: "never",
  };
  throw AtpError.fromContent({ ...told, ...error } as ErrorContent);
}
