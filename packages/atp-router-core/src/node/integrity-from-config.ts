import { readFileSync } from "node:fs";
import type { IntegrityConfig } from "../runtime/index.js";
import type { ConfigFile } from "./config-schema.js";
import { nodeDigest } from "./digest.js";

/** A shorter key is easier to guess than the hash is to break. */
const MIN_KEY_BYTES = 32;

/**
 * Whose frames are signed by a configuration file; undefined when it says nothing of it. Keys are read once, at start.
 * @throws Error when a file cannot be read or holds no key
 */
export function integrityFromConfig({ integrity }: ConfigFile): IntegrityConfig | undefined {
  if (integrity === undefined) return undefined;
  const { required, keys = [] } = integrity;
  const known = new Map(keys.map(({ tenant, subject, key_file: file }) => [nameOf(tenant, subject), readKey(file)]));
  return {
    digest: nodeDigest,
    keyOf: ({ tenant, subject }) => known.get(nameOf(tenant, subject)),
    ...(required === undefined ? {} : { required }),
  };
}

function nameOf(tenant: string, subject: string): string {
  return `${tenant}\n${subject}`;
}

/** A file with one key in base64. */
function readKey(file: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new Error(`integrity: the key file ${file} cannot be read`, { cause });
  }
  const key = Buffer.from(text, "base64");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || key.length < MIN_KEY_BYTES)
    throw new Error(`integrity: ${file} must hold a key of ${MIN_KEY_BYTES} bytes or more in base64`);
  return new Uint8Array(key);
}
