import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKey, openAuditLog, verifyAuditLog } from "atp-router-core/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Issuer, startIssuer } from "../../stack/src/issuer.js";
import { createMemoryGateway } from "../src/app.js";
import { readConfig } from "../src/config.js";
import { identityOf } from "../src/identity.js";
import { InMemoryStore } from "../src/in-memory-store.js";

const folder = mkdtempSync(join(tmpdir(), "atp-memory-"));
const auditFile = join(folder, "audit.jsonl");
const audit = openAuditLog({ file: auditFile });
const keys = { router: createKey("router"), acme: createKey("acme") };
let issuer: Issuer;
let app: ReturnType<typeof createMemoryGateway>;
const tokens: Record<string, string> = { router: keys.router.key, "key of acme": keys.acme.key };

beforeAll(async () => {
  issuer = await startIssuer();
  const keysFile = join(folder, "keys.json");
  writeFileSync(
    keysFile,
    JSON.stringify([
      { id: "router", hash: keys.router.hash, tenant: "*" },
      { id: "acme", hash: keys.acme.hash, tenant: "acme" },
    ]),
  );
  const config = readConfig({ AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: issuer.audience, AUTH_KEYS_FILE: keysFile });
  const identity = identityOf(config);
  if (identity === undefined) throw new Error("no identity");
  app = createMemoryGateway({
    store: new InMemoryStore({ quota: { maxObjects: 3 } }),
    identity,
    onAudit: (event) => audit.append({ ...event }),
  });
  tokens["acme"] = await issuer.token({ tenant: "acme", subject: "ann" });
  tokens["other"] = await issuer.token({ tenant: "other", subject: "oda" });
  tokens["star"] = await issuer.token({ tenant: "*", subject: "eve" });
  tokens["expired"] = await issuer.token({ tenant: "acme", subject: "ann" }, -600);
  tokens["garbage"] = "a.b.c";
  tokens["too long"] = `a.${"b".repeat(9_000)}.c`;
  await send("acme", "PUT", "acme/p/k", '{"object":"of acme"}');
  await send("other", "PUT", "other/p/k", '{"object":"of other"}');
});
afterAll(async () => {
  await issuer.close();
  rmSync(folder, { recursive: true });
});

function send(who: string | undefined, method: string, path: string, body?: string): Promise<Response> {
  const token = who === undefined ? undefined : tokens[who];
  return Promise.resolve(
    app.request(`http://127.0.0.1/v1/memory/${path}`, {
      method,
      headers: { host: "127.0.0.1", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body }),
    }),
  );
}

describe("isolation by token (C2.1-5)", () => {
  it.each([
    ["acme", "acme/p/k", 200],
    ["key of acme", "acme/p/k", 200],
    ["router", "acme/p/k", 200],
    ["router", "other/p/k", 200],
    ["acme", "other/p/k", 403],
    ["other", "acme/p/k", 403],
    ["acme", "acmeplus/p/k", 403],
    // No token can claim every tenant.
    ["star", "acme/p/k", 401],
    ["expired", "acme/p/k", 401],
    ["garbage", "acme/p/k", 401],
    ["too long", "acme/p/k", 401],
    [undefined, "acme/p/k", 401],
    ["acme", "acme/../other/p/k", 400],
    ["acme", "acme/%2e%2e/other/p/k", 400],
    ["acme", "acme%2f..%2fother/k", 400],
  ])("%s reads %s: %i", async (who, path, status) => {
    // A parsed URL would have resolved the dots: the path goes in as it is.
    const request = new Request("http://127.0.0.1/v1/memory/x/y", {
      headers: { host: "127.0.0.1", ...(who === undefined ? {} : { authorization: `Bearer ${tokens[who]}` }) },
    });
    const answer = await app.fetch(request, { incoming: { url: `/v1/memory/${path}` } as never });
    expect(answer.status).toBe(path.includes("..") || path.includes("%") ? 400 : status);
    if (!path.includes("..") && !path.includes("%")) expect((await send(who, "GET", path)).status).toBe(status);
  });

  it.each([
    ["acme", undefined, 200, ["acme/p"]],
    ["acme", "acme/p", 200, ["acme/p"]],
    ["acme", "other", 403, []],
    ["other", undefined, 200, ["other/p"]],
    ["router", undefined, 200, ["acme/p", "other/p"]],
    [undefined, undefined, 401, []],
  ] as const)("C2.3: %s searches in %s: %i", async (who, ns, status, found) => {
    const answer = await send(who, "POST", "search", JSON.stringify({ q: "of", ns }));
    expect(answer.status).toBe(status);
    if (status !== 200) return;
    const { results } = (await answer.json()) as { results: { ns: string }[] };
    expect(results.map((hit) => hit.ns).sort()).toEqual(found);
  });

  it("refuses what passes a quota with EQUOTA", async () => {
    for (const key of ["a", "b"]) expect((await send("acme", "PUT", `acme/q/${key}`, '{"object":1}')).status).toBe(201);
    const over = await send("acme", "PUT", "acme/q/c", '{"object":1}');
    expect(over.status).toBe(507);
    expect(await over.json()).toMatchObject({ error: { code: "EQUOTA" } });
  });

  it("writes down writes and refusals, and no content", async () => {
    await audit.close();
    const text = readFileSync(auditFile, "utf8");
    const records = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records[0]).toMatchObject({ event: "memory.put", tenant: "acme", subject: "ann", path: "acme/p/k" });
    const refused = records.filter(({ event }) => event === "memory.refused");
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["EAUTH", "ESEC", "EQUOTA"]));
    expect(text).not.toContain("of acme");
    expect(await verifyAuditLog(auditFile)).toMatchObject({ ok: true, records: records.length });
  });
});
