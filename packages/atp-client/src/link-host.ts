import type { ClientListeners } from "./client.js";
import type { Emitter } from "./emitter.js";
import type { Link } from "./link.js";
import type { ClientState } from "./options.js";

/** What a link tells its client. */
export interface LinkHost {
  state(link: Link, state: ClientState): void;
  inspected(): boolean;
  tell: Emitter<ClientListeners>["emit"];
  /** The router of this link shuts down: what comes next goes elsewhere (A9.6). */
  draining(link: Link): void;
  /** A draining link has nothing left to do. */
  done(link: Link): void;
}
