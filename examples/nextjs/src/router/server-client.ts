import { createClient } from "atp-client";
import type { AtpClient } from "atp-client";
import { routerUrl } from "./address";

let client: AtpClient | undefined;

/** One client for the whole server process, made with the first request. `ATP_TOKEN` never leaves the server. */
export function serverClient(): AtpClient {
  const token = process.env.ATP_TOKEN;
  client ??= createClient({ url: routerUrl(), ...(token === undefined ? {} : { token }) });
  return client;
}
