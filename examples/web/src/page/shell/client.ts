import { createClient } from "atp-client";
import type { AtpClient } from "atp-client";
import { createNetwork } from "./network.js";

const url = document.querySelector<HTMLMetaElement>('meta[name="atp-router"]')?.content ?? "";

/** The network between the page and the router, with a switch. */
export const network = createNetwork();

/** One client for the page. It connects with the first question. */
export const client: AtpClient = createClient({
  url: url === "" ? `${location.origin.replace(/^http/, "ws")}/ws` : url,
  // Whoever cuts the connection may take his time.
  retry: { attempts: 100, baseMs: 250, maxMs: 2_000 },
  socket: network.socket,
  wake: network.wake,
});
