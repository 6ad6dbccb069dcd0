import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, isAtpError } from "../../../atp-client/src/index.js";
import { cbor } from "../../../atp-client/src/cbor/index.js";
import { integrity } from "../../../atp-client/src/integrity/index.js";
import { createKey, listen, portsFromConfig, readConfig, routerFromConfig } from "../../src/node/index.js";
import type { ConfigResult, ProcessConfig } from "../../src/node/index.js";

const secret = new Uint8Array(32).fill(3);
const ann = createKey("ann");
const bob = createKey("bob");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "atp-integrity-"));
  writeFileSync(join(folder, "ann.key"), `${Buffer.from(secret).toString("base64")}\n`);
  writeFileSync(join(folder, "short.key"), "c2hvcnQ=");
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function read(text: string): ConfigResult {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return readConfig({ ATP_CONFIG: path });
}
function configOf(text: string): ProcessConfig {
  const result = read(text);
  if (!result.ok) throw new Error(result.message);
  return result.config;
}
const signs = (file: string): string =>
  `integrity: { required: true, keys: [{ tenant: acme, subject: "key:ann", key_file: "${file}" }] }`;

describe("integrity in the configuration (A10, D3)", () => {
  it.each([
    ["integrity: { requird: true }", "integrity.requird is not a key of the configuration"],
    ["integrity: { keys: [{ tenant: acme, subject: a }] }", "integrity.keys.0.key_file"],
  ])("refuses %s", (text, says) => {
    expect(read(text)).toMatchObject({ ok: false, message: expect.stringContaining(says) });
  });

  it.each(["none.key", "short.key"])("refuses the key file %s by its name", (file) => {
    expect(() => routerFromConfig(configOf(signs(join(folder, file))))).toThrow(file);
  });

  it("a client that signs comes in over a real socket; one without a key does not", async () => {
    const config = configOf(`${signs(join(folder, "ann.key"))}
auth:
  keys:
    - { id: ann, hash: "${ann.hash}", tenant: acme }
    - { id: bob, hash: "${bob.hash}", tenant: acme }
`);
    const router = routerFromConfig(config, undefined, undefined, await portsFromConfig(config));
    const listener = await listen(router, { port: 0 });
    const url = `${listener.url.replace("http", "ws")}/ws`;
    const ask = async (client: ReturnType<typeof createClient>): Promise<unknown> => {
      const error: unknown = await client
        .stream("hello")
        .final()
        .catch((thrown: unknown) => thrown);
      void client.close();
      return isAtpError(error) ? error.code : error;
    };
    // Without adapters the answer is that there is none: it got as far as that.
    expect(await ask(createClient({ url, token: ann.key, ...integrity({ key: secret }) }))).toBe("EAGENTDOWN");
    const inCbor = integrity({ key: secret, codecs: [cbor] });
    expect(await ask(createClient({ url, token: ann.key, ...inCbor }))).toBe("EAGENTDOWN");
    expect(await ask(createClient({ url, token: ann.key, retry: { attempts: 1 } }))).toBe("ESEC");
    expect(await ask(createClient({ url, token: bob.key, retry: { attempts: 1 } }))).toBe("ESEC");
    await router.close();
    await listener.close();
  });
});
