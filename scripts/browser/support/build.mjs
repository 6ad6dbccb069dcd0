// What suites start and install, built before they are loaded: they import packages by their published names.
import { join } from "node:path";
import { must, root } from "../../lib.mjs";

const programs = ["web", "router", "adapter-librarian", "adapter-persona"].map((name) => `@atp-examples/${name}...`);

/** Builds the programs, and the client with its declarations. */
export async function buildOnce() {
  const turbo = (task, filters) =>
    must("build", join(root, "node_modules/.bin/turbo"), [
      "run",
      task,
      "--output-logs=errors-only",
      ...filters.map((filter) => `--filter=${filter}`),
    ]);
  await turbo("build:js", programs);
  await turbo("build", ["atp-client..."]);
}
