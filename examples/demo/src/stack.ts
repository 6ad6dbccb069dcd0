import { join } from "node:path";
import type { Processes, Started } from "./processes.js";

/** The whole stack of the demo, up. */
export interface Stack {
  /** The router's WebSocket address. */
  readonly routerUrl: string;
  readonly memoryUrl: string;
}

/** The processes in the order in which they are told of. */
export const stackNames = ["memory-gateway", "librarian-shallow", "librarian-deep", "persona", "router"] as const;

/**
 * Starts memory gateway, three adapters and the router. The persona speaks through the deep librarian with a role of its
 * own, so that it looks elsewhere and its evidence differs.
 * @param onStarted called as each comes up
 * @throws StartError
 */
export async function startStack(
  processes: Processes,
  root: string,
  onStarted: (started: Started) => void,
): Promise<Stack> {
  const start = async (name: string, folder: string, env: Record<string, string>): Promise<Started> => {
    const started = await processes.start(name, folder, env);
    onStarted(started);
    return started;
  };
  const librarian = (mode: "shallow" | "deep"): Promise<Started> =>
    start(`librarian-${mode}`, "examples/adapters/librarian", { NAME: `librarian-${mode}`, LIBRARIAN_MODE: mode });
  const persona = async (): Promise<[deep: Started, persona: Started]> => {
    const deep = await librarian("deep");
    const env = { NAME: "persona", UPSTREAM: deep.url, ROLE_FILE: join(root, "examples/adapters/persona/roles", ROLE) };
    return [deep, await start("persona", "examples/adapters/persona", env)];
  };
  const [memory, shallow, [deep, role]] = await Promise.all([
    start("memory-gateway", "examples/memory-gateway", {}),
    librarian("shallow"),
    persona(),
  ]);
  const router = await start("router", "examples/router", {
    ADAPTER_ENDPOINTS: JSON.stringify([shallow.url, deep.url, role.url]),
    MEMORY_GATEWAY_URL: memory.url,
  });
  return { routerUrl: `${router.url.replace(/^http/, "ws")}/ws`, memoryUrl: memory.url };
}

const ROLE = "auditor.yaml";
