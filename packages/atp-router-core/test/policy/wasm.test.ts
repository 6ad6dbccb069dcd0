import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PolicyInput } from "../../src/model/index.js";
import { wasmPolicy } from "../../src/policy/index.js";
import { bundleOf, opaModule } from "./support/wasm.js";
import type { StubAnswers } from "./support/wasm.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "atp-wasm-"))));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(bytes: Uint8Array): string {
  const path = join(folder, String(files++));
  writeFileSync(path, bytes);
  return path;
}
const answers: StubAnswers = {
  allowed: '[{"result":{"allow":true,"lane":"bronze","require_tags":["eu"]}}]',
  denied: '[{"result":{"allow":false,"reasons":["no # here"]}}]',
};
const input = (tool: string): PolicyInput => ({
  principal: { tenant: "default", subject: "anonymous", roles: [] },
  task_type: "qa",
  qos: "gold",
  tool_permissions: [tool],
  data_scope: [],
  strategy: "auto",
  window: {},
  meta: {},
  adapters: [],
});
const options = { deadlineAt: 1_000 };

describe("policy as WebAssembly", () => {
  it.each([
    ["a module", () => file(opaModule(answers))],
    [
      "a bundle",
      () => file(bundleOf({ "/data.json": Buffer.from("{}"), "/policy.wasm": opaModule(answers) }, gzipSync)),
    ],
  ])("decides by %s, over and over", async (_name, path) => {
    const policy = await wasmPolicy({ file: path() });
    for (let i = 0; i < 3; i++) {
      expect(await policy.decide(input("fs.read"), options)).toEqual({
        allow: true,
        reasons: [],
        lane: "bronze",
        requireTags: ["eu"],
        engine: "wasm",
      });
      expect(await policy.decide(input("#"), options)).toEqual({
        allow: false,
        reasons: ["no # here"],
        engine: "wasm",
      });
    }
  });

  it("fails closed: an undefined rule denies, an answer that is no decision throws", async () => {
    const undefinedRule = await wasmPolicy({ file: file(opaModule({ ...answers, allowed: "[]" })) });
    expect(await undefinedRule.decide(input("fs.read"), options)).toMatchObject({ allow: false, engine: "wasm" });
    const rubbish = await wasmPolicy({ file: file(opaModule({ ...answers, allowed: '[{"result":"yes"}]' })) });
    expect(() => rubbish.decide(input("fs.read"), options)).toThrow(/no decision/);
  });

  it.each<[string, () => string, RegExp]>([
    ["what is no module", () => file(Buffer.from("rego")), /is no policy of OPA/],
    [
      "a bundle of Rego alone",
      () => file(bundleOf({ "/policy.rego": Buffer.from("x") }, gzipSync)),
      /has no policy\.wasm/,
    ],
    ["a module of another rule", () => file(opaModule({ ...answers, entrypoint: "other/rule" })), /it has other\/rule/],
    ["a file that is not there", () => join(folder, "none"), /ENOENT/],
  ])("refuses %s", async (_name, path, says) => {
    await expect(wasmPolicy({ file: path() })).rejects.toThrow(says);
  });
});
