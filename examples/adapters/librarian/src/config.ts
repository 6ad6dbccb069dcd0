/**
 * Configuration of a librarian from its environment.
 */
import { fileURLToPath } from "node:url";
import { ConfigError, type Environment, setting } from "atp-adapter-kit";
import type { Mode } from "./library.js";

/** What a librarian runs with. */
export interface LibrarianConfig {
  readonly mode: Mode;
  readonly name: string;
  readonly docsDir: string;
  /** The project's README beside the folder is read too: only with the default folder. */
  readonly withReadme: boolean;
}

/** The project's own `docs/`, seen from `src/` as from `dist/`. */
const defaultDocsDir = fileURLToPath(new URL("../../../../docs", import.meta.url));

/**
 * Reads `LIBRARIAN_MODE` (shallow or deep; shallow), `NAME` (librarian-shallow or librarian-deep) and `DOCS_DIR` (the
 * project's `docs`).
 *
 * @throws ConfigError
 */
export function readLibrarianConfig(env: Environment): LibrarianConfig {
  const mode = setting(env, "LIBRARIAN_MODE") ?? "shallow";
  if (mode !== "shallow" && mode !== "deep") {
    throw new ConfigError(`LIBRARIAN_MODE must be shallow or deep, got ${JSON.stringify(mode)}`);
  }
  const docsDir = setting(env, "DOCS_DIR");
  return {
    mode,
    name: setting(env, "NAME") ?? `librarian-${mode}`,
    docsDir: docsDir ?? defaultDocsDir,
    withReadme: docsDir === undefined,
  };
}
