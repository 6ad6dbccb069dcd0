import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { base64url } from "jose";
import type { JWTPayload } from "jose";
import { oidcIdentity } from "../../src/oidc/index.js";
import type { OidcIdentityOptions } from "../../src/oidc/index.js";
import { startForgingIssuer, startIssuer } from "./support/issuer.js";
import type { ForgingIssuer, Issuer } from "./support/issuer.js";

const audience = "https://router.example";

describe("tokens of a real issuer", () => {
  let issuer: Issuer;
  beforeAll(async () => void (issuer = await startIssuer()));
  afterAll(() => issuer.close());

  it("A1.3 A2.3: its access token says tenant, subject and roles, and until when", async () => {
    const identity = oidcIdentity({ issuer: issuer.url, audience });
    const { principal, expiresAt } = await identity.authenticate({ token: await issuer.token() });
    expect(principal).toEqual({ tenant: "acme", subject: "service", roles: ["analyst"] });
    expect(expiresAt).toBeGreaterThan(Date.now() + 250_000);
    expect(await identity.ready()).toBe(true);
  });

  it("a token for another service is refused", async () => {
    const identity = oidcIdentity({ issuer: issuer.url, audience });
    const token = await issuer.token("https://another.example");
    await expect(identity.authenticate({ token })).rejects.toMatchObject({
      code: "EAUTH",
      message: "The token is for another audience.",
    });
  });
});

describe("bad tokens", () => {
  let issuer: ForgingIssuer;
  let wall = 1_800_000_000_000;
  beforeAll(async () => void (issuer = await startForgingIssuer()));
  afterAll(() => issuer.close());
  beforeEach(async () => {
    issuer.answer = "well";
    wall = 1_800_000_000_000;
    await issuer.rotate("first");
  });

  const identityOf = (options: Partial<OidcIdentityOptions> = {}) =>
    oidcIdentity({ issuer: issuer.url, audience, wall: () => wall, timeoutMs: 200, ...options });
  const claims = (changed: JWTPayload = {}): JWTPayload => ({
    iss: issuer.url,
    aud: audience,
    sub: "ann",
    tenant: "acme",
    iat: wall / 1_000,
    exp: wall / 1_000 + 300,
    ...changed,
  });
  const unsigned = (header: object, body: object): string =>
    `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(body))}.`;

  it("takes the well formed one that the table changes in one thing each", async () => {
    const { principal } = await identityOf().authenticate({ token: await issuer.sign(claims()) });
    expect(principal).toEqual({ tenant: "acme", subject: "ann", roles: [] });
  });

  it.each<[string, () => string | Promise<string> | undefined, string]>([
    ["none at all", () => undefined, "A token is needed"],
    ["rubbish", () => "rubbish", "The token is malformed."],
    ["an oversize one", () => "x".repeat(8_193), "The token is over 8192 bytes."],
    ["expired", () => issuer.sign(claims({ exp: wall / 1_000 - 31 })), "The token has expired. Get a new one."],
    ["without expiry", () => issuer.sign(withoutExpiry()), "The token's claim exp is missing or wrong."],
    ["not valid yet", () => issuer.sign(claims({ nbf: wall / 1_000 + 31 })), "The token is not valid yet."],
    ["issued in the future", () => issuer.sign(claims({ iat: wall / 1_000 + 31 })), "The token is from the future."],
    ["for another audience", () => issuer.sign(claims({ aud: "https://other" })), "The token is for another audience."],
    ["of another issuer", () => issuer.sign(claims({ iss: "https://other" })), "The token is another issuer's."],
    ["without a tenant", () => issuer.sign(without("tenant")), "The token lacks the claim tenant"],
    [
      "with a tenant that is a path",
      () => issuer.sign(claims({ tenant: "../x" })),
      "has no usable name in the claim tenant",
    ],
    ["of another type", () => issuer.sign(claims(), { typ: "dpop+jwt" }), "of a type that is not taken"],
    ["with an unknown kid", () => issuer.sign(claims(), { kid: "nobody" }), "by a key that its issuer does not have"],
    ["alg none", () => unsigned({ alg: "none" }, claims()), "an algorithm that is not taken"],
    ["HS256 with the public key's name", () => symmetric(), "an algorithm that is not taken"],
    [
      "a changed body",
      async () => changedBody(await issuer.sign(claims())),
      "The token's signature is not its issuer's.",
    ],
  ])("refuses %s with EAUTH", async (_name, token, message) => {
    const shown = await token();
    const answer = identityOf().authenticate(shown === undefined ? {} : { token: shown });
    await expect(answer).rejects.toMatchObject({ code: "EAUTH", message: expect.stringContaining(message) });
  });

  function without(name: string): JWTPayload {
    const { [name]: _left, ...rest } = claims();
    return rest;
  }
  function withoutExpiry(): JWTPayload {
    return without("exp");
  }
  function symmetric(): string {
    const signed = unsigned({ alg: "HS256", kid: "first" }, claims());
    return signed + createHmac("sha256", "first").update(signed.slice(0, -1)).digest("base64url");
  }
  function changedBody(token: string): string {
    const [header, , signature] = token.split(".");
    return [header, base64url.encode(JSON.stringify(claims({ tenant: "mallory" }))), signature].join(".");
  }

  it("lets clocks differ by the tolerance", async () => {
    const token = await issuer.sign(claims({ exp: wall / 1_000 - 29 }));
    await expect(identityOf().authenticate({ token })).resolves.toBeDefined();
    await expect(identityOf({ clockToleranceS: 0 }).authenticate({ token })).rejects.toMatchObject({ code: "EAUTH" });
  });

  it("finds a rotated key without a restart, and fetches no more often than the cooldown allows", async () => {
    const identity = identityOf({ cooldownMs: 0, trustMs: 0 });
    await identity.authenticate({ token: await issuer.sign(claims()) });
    await issuer.rotate("second");
    await expect(identity.authenticate({ token: await issuer.sign(claims()) })).resolves.toBeDefined();

    const careful = identityOf({ trustMs: 0 });
    await careful.authenticate({ token: await issuer.sign(claims()) });
    const before = issuer.fetches();
    for (let i = 0; i < 5; i++)
      await careful
        .authenticate({ token: await issuer.sign(claims(), { kid: `unknown-${i}` }) })
        .catch(() => undefined);
    expect(issuer.fetches()).toBe(before);
  });

  it("trusts a verified token for a while, and never beyond its expiry", async () => {
    const identity = identityOf({ trustMs: 600_000 });
    const token = await issuer.sign(claims());
    const first = await identity.authenticate({ token });
    issuer.answer = "refuse";
    expect(await identity.authenticate({ token })).toBe(first);
    wall += 331_000;
    await expect(identity.authenticate({ token })).rejects.toMatchObject({ code: "EAUTH" });
  });

  it.each(["garbage", "nothing", "refuse", "another"] as const)(
    "fails closed while its issuer answers %s, and recovers",
    async (answer) => {
      const identity = identityOf();
      const token = await issuer.sign(claims());
      issuer.answer = answer;
      await expect(identity.authenticate({ token })).rejects.toMatchObject({ code: "EOVERLOAD" });
      expect(await identity.ready()).toBe(false);
      issuer.answer = "well";
      await expect(identity.authenticate({ token })).resolves.toBeDefined();
      expect(await identity.ready()).toBe(true);
    },
  );

  it("reads claims by their configured names, nested ones too", async () => {
    const identity = identityOf({
      claims: { tenant: "org", subject: "email", roles: "realm_access.roles", scopes: "scope" },
    });
    const token = await issuer.sign(
      claims({ org: "beta", email: "ann@beta.example", realm_access: { roles: ["admin", 7] }, scope: "stream other" }),
    );
    const { principal } = await identity.authenticate({ token });
    expect(principal).toEqual({
      tenant: "beta",
      subject: "ann@beta.example",
      roles: ["admin"],
      scopes: ["stream", "other"],
    });
  });

  it.each(["none", "HS256", "RSA1_5"])("refuses to be set up with the algorithm %s", (algorithm) => {
    expect(() => identityOf({ algorithms: [algorithm] })).toThrow(TypeError);
  });
});
