import { join } from "node:path";
import { serveAdapter } from "atp-adapter-kit";
import type { Processes, Started } from "../../../demo/src/processes.js";
import { pacedAdapter } from "./paced-adapter.js";
import type { Pace } from "./paced-adapter.js";

/** What the page talks to. */
export interface Stack {
  /** Of the router, such as `http://127.0.0.1:40123`. */
  readonly routerUrl: string;
}

/** A router that listens already, or the addresses of adapters to ask instead of the usual three. */
export interface StackOptions {
  readonly routerUrl?: string;
  readonly adapters?: readonly string[];
  readonly pace: Pace;
}

/**
 * Starts two librarians, a persona over the deep one, and a router before them. Each answers at the pace given.
 * @throws StartError
 */
export async function startStack(processes: Processes, root: string, options: StackOptions): Promise<Stack> {
  if (options.routerUrl !== undefined) return { routerUrl: options.routerUrl };
  const relay = async (name: string, upstream: string): Promise<string> => {
    const served = await serveAdapter(pacedAdapter(name, upstream, options.pace), {
      host: "127.0.0.1",
      port: 0,
      handleSignals: false,
    });
    return served.url;
  };
  const endpoints = options.adapters ?? (await usualAdapters(processes, root, relay));
  const router = await processes.start("router", "examples/router", { ADAPTER_ENDPOINTS: JSON.stringify(endpoints) });
  return { routerUrl: router.url };
}

async function usualAdapters(
  processes: Processes,
  root: string,
  relay: (name: string, upstream: string) => Promise<string>,
): Promise<readonly string[]> {
  const librarian = (mode: "shallow" | "deep"): Promise<Started> =>
    processes.start(`librarian-${mode}`, "examples/adapters/librarian", {
      NAME: `librarian-${mode}`,
      LIBRARIAN_MODE: mode,
    });
  const [shallow, deep] = await Promise.all([librarian("shallow"), librarian("deep")]);
  const persona = await processes.start("persona", "examples/adapters/persona", {
    NAME: "persona",
    UPSTREAM: deep.url,
    ROLE_FILE: join(root, "examples/adapters/persona/roles/auditor.yaml"),
  });
  return Promise.all([shallow, deep, persona].map(({ name, url }) => relay(name, url)));
}
