import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAdapter, serveAdapter, sharedToken } from "atp-adapter-kit";
import type { ServeOptions } from "atp-adapter-kit";
import { readConfig, routerConfig } from "atp-router-core/node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { strangersCertificate, strangersKey, testCertificate, testKey } from "./support/keys.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "atp-service-"));
  file("ca.pem", testCertificate);
  file("key.pem", testKey);
  file("stranger.pem", strangersCertificate);
  file("stranger-key.pem", strangersKey);
  file("token", "s3cret-of-the-router\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const adapter = defineAdapter({
  name: "guarded",
  prices: { inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 0 },
  stream: async function* () {
    yield { text: "hello" };
  },
});
const own = { cert: testCertificate, key: testKey };

async function served(options: ServeOptions): Promise<string> {
  const server = await serveAdapter(adapter, { port: 0, handleSignals: false, drainMs: 0, ...options });
  onTestFinished(() => server.close());
  return server.url;
}

/** What a router with this entry under `adapters` hears of the adapter's health and of a call: `ok`, or why not. */
async function heard(entry: Record<string, unknown>): Promise<{ health: string; call: string }> {
  const path = file("config.json", JSON.stringify({ adapters: [entry] }));
  const result = readConfig({ ATP_CONFIG: path });
  if (!result.ok) throw new Error(result.message);
  const [port] = routerConfig(result.config).adapters;
  if (port === undefined) throw new Error("no adapter was configured");
  onTestFinished(() => port.close());
  const deadlineAt = performance.now() + 5_000;
  const health = await port.health({ deadlineAt }).then(
    () => "ok",
    (error: Error) => error.message,
  );
  const call = await new Promise<string>((resolve) => {
    const handle = port.open(
      {
        callId: "c1",
        qos: "gold",
        attempt: 0,
        taskType: "qa",
        promptJson: '{"prompt":"hello"}',
        maxOutputTokens: 16,
        contextJson: "",
        sample: 0,
        deadlineAt,
      },
      { chunk: () => undefined, end: (end) => resolve("failure" in end ? end.failure.message : "ok") },
    );
    handle.demand(10);
  });
  return { health, call };
}

describe("B: mutual TLS between router and adapter", () => {
  const path = (name: string): string => join(folder, name);
  const ours = () => ({ ca_file: path("ca.pem"), cert_file: path("ca.pem"), key_file: path("key.pem") });

  it("an adapter answers a router that shows a certificate of its authority", async () => {
    const url = await served({ tls: { ...own, ca: testCertificate } });
    expect(await heard({ url, tls: ours() })).toEqual({ health: "ok", call: "ok" });
  });

  it.each([
    ["shows none", () => ({ ca_file: path("ca.pem") })],
    ["shows a stranger's", () => ({ ...ours(), cert_file: path("stranger.pem"), key_file: path("stranger-key.pem") })],
    ["does not know the adapter's authority", () => ({ ...ours(), ca_file: path("stranger.pem") })],
  ])("a router that %s gets nothing", async (_name, tls) => {
    const url = await served({ tls: { ...own, ca: testCertificate } });
    const { health, call } = await heard({ url, tls: tls() });
    expect(health).not.toBe("ok");
    expect(call).not.toBe("ok");
  });
});

describe("B: tokens between router and adapter", () => {
  const guarded = () => served({ authorize: sharedToken("s3cret-of-the-router") });

  it("an adapter answers a router that shows its token, and no other", async () => {
    const url = await guarded();
    expect(await heard({ url, token_file: join(folder, "token") })).toEqual({ health: "ok", call: "ok" });
    expect((await heard({ url })).call).toContain("a token is needed");
    const other = { url, token_file: file("other", "another") };
    expect((await heard(other)).call).toContain("not the one of this adapter");
  });

  it("a router gets its token by client credentials, and says so while it has none", async () => {
    const url = await guarded();
    const asked: { body: string; authorization: string | undefined }[] = [];
    let gave: (() => void) | undefined;
    const issuer = createServer((request, response) => {
      let body = "";
      request.on("data", (data) => (body += String(data)));
      request.on("end", () => {
        asked.push({ body, authorization: request.headers.authorization });
        response.end(JSON.stringify({ access_token: "s3cret-of-the-router", expires_in: 300 }), () => gave?.());
      });
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void issuer.close());
    const entry = {
      url,
      client_credentials: {
        token_url: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token`,
        client_id: "router",
        client_secret_file: file("secret", "pa:ss"),
        audience: "https://adapter.example",
      },
    };
    const first = await heard(entry);
    expect(first.call).toContain("there is no service token");
    // Both `heard` calls make a router of their own; this one waits until the issuer has answered it.
    const given = new Promise<void>((resolve) => (gave = resolve));
    const path = file("config.json", JSON.stringify({ adapters: [entry] }));
    const result = readConfig({ ATP_CONFIG: path });
    if (!result.ok) throw new Error(result.message);
    const [port] = routerConfig(result.config).adapters;
    await given;
    const healthy = async (): Promise<unknown> =>
      port?.health({ deadlineAt: performance.now() + 5_000 }).catch(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return healthy();
      });
    expect(await healthy()).toMatchObject({ status: "READY" });
    port?.close();
    expect(asked[0]?.body).toContain("grant_type=client_credentials");
    expect(asked[0]?.body).toContain("resource=https%3A%2F%2Fadapter.example");
    expect(asked[0]?.authorization).toBe(`Basic ${Buffer.from("router:pa%3Ass").toString("base64")}`);
  });
});

describe("D: configuration of what the router shows", () => {
  it.each([
    [{ url: "http://10.0.0.1:7070", token_file: "t" }, "adapters.0.url is http: beyond loopback"],
    [{ url: "http://127.0.0.1:7070", tls: { ca_file: "c" } }, "adapters.0.tls is set, but its url is http:"],
    [{ url: "https://a:7070", tls: { cert_file: "c" } }, "mutual TLS needs both"],
    [{ url: "https://a:7070", tls: { ca: "c" } }, "adapters.0.tls.ca is not a key"],
  ])("refuses %j", (entry, says) => {
    const result = readConfig({ ATP_CONFIG: file("bad.json", JSON.stringify({ adapters: [entry] })) });
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining(says) });
  });

  it("refuses to start with a file that is not there", () => {
    const entry = { url: "https://a:7070", tls: { ca_file: join(folder, "none.pem") } };
    const result = readConfig({ ATP_CONFIG: file("bad.json", JSON.stringify({ adapters: [entry] })) });
    if (!result.ok) throw new Error(result.message);
    expect(() => routerConfig(result.config)).toThrow(/none\.pem cannot be read/);
  });

  it("an adapter refuses to listen beyond loopback for everyone", async () => {
    await expect(serveAdapter(adapter, { host: "0.0.0.0", port: 0 })).rejects.toThrow(/ALLOW_ANONYMOUS/);
    await expect(served({ host: "0.0.0.0", allowAnonymous: true })).resolves.toContain("http://");
  });
});
