import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createKey, listen, portsFromConfig, readConfig, routerFromConfig } from "../../src/node/index.js";
import type { Listener } from "../../src/node/index.js";

const ann = createKey("ann");
const watcher = createKey("watcher");
const late = createKey("late");

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "atp-identity-"))));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function read(text: string, env: Record<string, string> = {}): ReturnType<typeof readConfig> {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return readConfig({ ATP_CONFIG: path, ...env });
}

const keys = `auth:
  keys:
    - { id: ann, hash: "${ann.hash}", tenant: acme, scopes: [stream], lanes: [bronze], limits: { max_usd_micros: 0 } }
    - { id: watcher, hash: "${watcher.hash}", tenant: acme, scopes: [observe] }
    - { id: late, hash: "${late.hash}", tenant: acme, expires_at: "2020-01-01T00:00:00Z" }
`;

describe("auth in the configuration", () => {
  it.each([
    ["auth: { issuer: 'https://id.example.com' }", "without AUTH_AUDIENCE"],
    ["auth: { audience: router }", "without AUTH_ISSUER"],
    ["auth: { jwks_url: 'https://id.example.com/keys' }", "auth.jwks_url is for tokens of an issuer"],
    ["auth: { issuer: 'id.example.com', audience: router }", "auth.issuer: must be an http: or https: URL"],
    ["auth: { keys: [{ id: a, hash: secret, tenant: acme }] }", "auth.keys.0.hash: must be sha256:"],
    ["auth: { keys: [{ id: 'a b', hash: secret, tenant: acme }] }", "auth.keys.0.id: must be 1 to 64"],
    ["auth: { keyss: [] }", "auth.keyss is not a key of the configuration"],
    ["auth: { claims: { tenent: org } }", "auth.claims.tenent is not a key of the configuration"],
    [`${keys}  allow_anonymous: true`, "auth.allow_anonymous is true beside an issuer or keys"],
  ])("D3: refuses %s", (text, says) => {
    expect(read(text)).toMatchObject({ ok: false, message: expect.stringContaining(says) });
  });

  it("D1: listens beyond loopback only with identity, or when a key says that everyone may come", () => {
    const open = { HOST: "0.0.0.0" };
    expect(read("{}", open)).toMatchObject({ ok: false, message: expect.stringContaining("beyond loopback") });
    expect(read(keys, open)).toMatchObject({ ok: true });
    expect(read("auth: { allow_anonymous: true }", open)).toMatchObject({ ok: true });
    const issuer = { AUTH_ISSUER: "https://id.example.com", AUTH_AUDIENCE: "router" };
    expect(read("{}", { ...open, ...issuer })).toMatchObject({
      ok: true,
      config: { issuer: { url: "https://id.example.com", audience: "router" } },
    });
  });
});

describe("a router with keys, from outside", () => {
  let listener: Listener | undefined;
  afterEach(async () => listener?.close());

  async function start(): Promise<string> {
    const result = read(keys);
    if (!result.ok) throw new Error(result.message);
    const router = routerFromConfig(result.config, undefined, undefined, await portsFromConfig(result.config));
    listener = await listen(router, { port: 0 });
    return listener.url;
  }
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const question = JSON.stringify({ payload: { type: "agent.result.partial", content: { prompt: "hello" } } });

  it("C1: lets each key do what its scopes name", async () => {
    const url = await start();
    const get = async (path: string, key?: string): Promise<number> =>
      (await fetch(`${url}${path}`, { headers: key === undefined ? {} : bearer(key) })).status;
    expect(await get("/healthz")).toBe(200);
    expect(await get("/v1/budgets")).toBe(401);
    expect(await get("/v1/budgets", "atpk_ann_forged")).toBe(401);
    expect(await get("/v1/budgets", late.key)).toBe(401);
    expect(await get("/v1/budgets", ann.key)).toBe(403);
    expect(await get("/v1/budgets", watcher.key)).toBe(200);
    const explain = async (key: string): Promise<{ status: number; body: { error?: { code: string } } }> => {
      const answer = await fetch(`${url}/v1/explain`, { method: "POST", headers: bearer(key), body: question });
      return { status: answer.status, body: (await answer.json()) as { error?: { code: string } } };
    };
    expect(await explain(watcher.key)).toMatchObject({ status: 403, body: { error: { code: "EPOLICY" } } });
    // There is no adapter to ask; the key itself was let in.
    expect(await explain(ann.key)).toMatchObject({ status: 502, body: { error: { code: "EAGENTDOWN" } } });
  });

  it("A12: a socket without a key gets EAUTH and 4401", async () => {
    const url = await start();
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
    await once(socket, "open");
    const told = once(socket, "message");
    const closed = once(socket, "close");
    socket.send(
      JSON.stringify({
        v: 1,
        session_id: "0",
        stream_id: "0",
        msg_seq: 1,
        flags: ["CTRL"],
        payload: { type: "control.hello", content: { client: { name: "t", version: "1" }, capabilities: [] } },
      }),
    );
    expect(String((await told)[0])).toContain('"EAUTH"');
    expect((await closed)[0]).toBe(4401);
  });
});
