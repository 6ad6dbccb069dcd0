import { createClient } from "atp-client";
import type { AtpClient } from "atp-client";

const clients = new Map<string, AtpClient>();

/** One client for each router, shared by all chats of a page. It connects with the first question, so rendering on a server is safe. */
export function browserClient(url: string): AtpClient {
  let client = clients.get(url);
  if (client === undefined) clients.set(url, (client = createClient({ url })));
  return client;
}
