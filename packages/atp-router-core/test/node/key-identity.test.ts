import { describe, expect, it } from "vitest";
import { createKey, keyIdentity, keysOr } from "../../src/node/index.js";
import type { StaticKey } from "../../src/node/index.js";

const { key, hash } = createKey("ci");
const now = 1_800_000_000_000;
const identity = (changed: Partial<StaticKey> = {}) =>
  keyIdentity({ keys: [{ id: "ci", hash, tenant: "acme", ...changed }], wall: () => now });

describe("static keys", () => {
  it("A2.3: a key says its tenant, and the hash that is kept is not the key", async () => {
    expect(await identity().authenticate({ token: key })).toEqual({
      principal: { tenant: "acme", subject: "key:ci", roles: [] },
    });
    expect(hash).not.toContain(key.slice(-43));
  });

  it("carries scopes, limits, lanes and expiry", async () => {
    const own = { scopes: ["stream"], limits: { usdMicros: 5 }, lanes: ["bronze"], expiresAt: now + 1 } as const;
    expect(await identity(own).authenticate({ token: key })).toEqual({
      principal: {
        tenant: "acme",
        subject: "key:ci",
        roles: [],
        scopes: ["stream"],
        limits: { usdMicros: 5 },
        lanes: ["bronze"],
      },
      expiresAt: now + 1,
    });
  });

  it.each([
    ["no key", undefined, {}],
    ["another key of the same id", createKey("ci").key, {}],
    ["a key of an unknown id", createKey("cd").key, {}],
    ["the hash itself", hash, {}],
    ["a key and more", `${key}x`, {}],
    ["an expired one", key, { expiresAt: now }],
  ])("refuses %s with EAUTH", async (_name, token, changed) => {
    const answer = identity(changed).authenticate(token === undefined ? {} : { token });
    await expect(answer).rejects.toMatchObject({ code: "EAUTH" });
  });

  it.each([
    ["a malformed hash", [{ id: "ci", hash: key, tenant: "acme" }]],
    ["an id that comes twice", [0, 1].map(() => ({ id: "ci", hash, tenant: "acme" }))],
  ])("refuses to be set up with %s", (_name, keys) => expect(() => keyIdentity({ keys })).toThrow(TypeError));

  it("refuses to make a key whose id could not be read back", () => {
    expect(() => createKey("a_b")).toThrow(TypeError);
    expect(() => createKey("")).toThrow(TypeError);
  });

  it("stands beside another identity: the form of the token decides", async () => {
    const other = { authenticate: async () => ({ principal: { tenant: "other", subject: "x", roles: [] } }) };
    const both = keysOr(identity(), other);
    expect((await both.authenticate({ token: key })).principal.tenant).toBe("acme");
    expect((await both.authenticate({ token: "ey.J.x" })).principal.tenant).toBe("other");
    expect((await both.authenticate({})).principal.tenant).toBe("other");
    await expect(both.authenticate({ token: createKey("cd").key })).rejects.toMatchObject({ code: "EAUTH" });
  });
});
