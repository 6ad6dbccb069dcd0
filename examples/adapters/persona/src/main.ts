/**
 * A persona as a process (part D).
 */
import { readFile } from "node:fs/promises";
import { ConfigError, runAdapter } from "atp-adapter-kit";
import { adapterUpstream } from "./adapter-upstream.js";
import { chatUpstream } from "./chat-upstream.js";
import { readPersonaConfig } from "./config.js";
import { createPersona } from "./persona.js";
import { parseRole } from "./role.js";

await runAdapter(async (env) => {
  const { name, roleFile, upstream } = readPersonaConfig(env);
  const yaml = await readFile(roleFile, "utf8").catch((thrown: unknown) => {
    throw new ConfigError(`ROLE_FILE cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  });
  const answering =
    upstream.kind === "adapter" ? adapterUpstream(upstream.url) : chatUpstream(upstream.endpoint, upstream.prices);
  return createPersona(parseRole(yaml), answering, name);
});
