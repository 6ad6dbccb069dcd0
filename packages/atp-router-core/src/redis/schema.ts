import type { Redis } from "ioredis";

/** The version of everything that is written under a prefix. A change that older builds misread makes it one higher. */
export const STORE_SCHEMA = 1;

/** A store that this build must not touch. */
export class StoreTooNew extends Error {
  override readonly name = "StoreTooNew";
}

/**
 * Holds a connection to stores of this build's version: looked at whenever the server is there again, for it may have been
 * exchanged. A store without a version gets this one's. One of a newer version is left alone for good: the connection ends, so that
 * money fails closed and the router is not ready.
 * @param refused hears of a newer store
 */
export function guardSchema(redis: Redis, prefix: string, refused: (error: StoreTooNew) => void): void {
  const look = (): void => {
    checkSchema(redis, prefix).catch((error: unknown) => {
      if (!(error instanceof StoreTooNew)) return;
      redis.disconnect();
      refused(error);
    });
  };
  redis.on("ready", look);
}

/** @throws StoreTooNew when a newer build wrote the store; the server's own error when it cannot be asked */
export async function checkSchema(redis: Redis, prefix = "atp:"): Promise<void> {
  const key = `${prefix}schema`;
  await redis.set(key, String(STORE_SCHEMA), "NX");
  const found = Number(await redis.get(key));
  if (found <= STORE_SCHEMA) return;
  throw new StoreTooNew(
    `The store under ${JSON.stringify(prefix)} on Redis was written by a newer version (schema ${found}; this one knows ${STORE_SCHEMA}). Run that version here, or set redis.prefix to another one.`,
  );
}
