/**
 * A librarian as a process (part D).
 */
import { ConfigError, runAdapter } from "atp-adapter-kit";
import { readLibrarianConfig } from "./config.js";
import { readDocuments } from "./documents.js";
import { createLibrarian } from "./librarian.js";
import { Library } from "./library.js";

await runAdapter(async (env) => {
  const { docsDir, withReadme, mode, name } = readLibrarianConfig(env);
  const documents = await readDocuments(docsDir, withReadme).catch((thrown: unknown) => {
    throw new ConfigError(`DOCS_DIR cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  });
  const library = new Library(documents);
  if (library.passages.length === 0) throw new ConfigError(`DOCS_DIR ${docsDir} holds no document with a passage`);
  return createLibrarian(library, { name, mode });
});
