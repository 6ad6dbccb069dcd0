import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runAdapter } from "../../conformance/src/adapter/run-adapter.js";
import { runHttp } from "../../conformance/src/live/run-http.js";
import { runIntegrity } from "../../conformance/src/live/run-integrity.js";
import { runServer } from "../../conformance/src/live/run-server.js";
import type { Result } from "../../conformance/src/result.js";
import { type Program, startProgram } from "./support/programs.js";

const all = { profile: "all" };
let librarian: Program;
let router: Program;

beforeAll(async () => {
  librarian = await startProgram("examples/adapters/librarian");
  router = await startProgram("examples/router", { ADAPTER_ENDPOINTS: JSON.stringify([librarian.url]) });
});

afterAll(async () => {
  await router.stop();
  await librarian.stop();
});

const failed = (results: readonly Result[]): string[] =>
  results.filter(({ outcome }) => outcome === "failed").map(({ id, message }) => `${id}: ${message}`);

describe("the suite against running programs", () => {
  it("A13-2 the router holds every trace that needs neither its clock nor its program", async () => {
    const results = await runServer(`${router.url.replace("http", "ws")}/ws`, undefined, all);
    expect(failed(results)).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(50);
    expect(results.filter(({ outcome, message }) => outcome === "skipped" && !message)).toEqual([]);
  });

  it("C1.1 C1.2 the router's routes hold", async () => {
    const results = await runHttp(`${router.url.replace("http", "ws")}/ws`, undefined, all);
    expect(failed(results)).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThanOrEqual(5);
  });

  it("A10 a router that signs holds its checks, and one that announces it to a suite without a key fails them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "atp-conformance-"));
    const key = new Uint8Array(32).fill(5);
    writeFileSync(join(folder, "key"), Buffer.from(key).toString("base64"));
    const config = {
      integrity: { keys: [{ tenant: "default", subject: "anonymous", key_file: join(folder, "key") }] },
    };
    writeFileSync(join(folder, "router.json"), JSON.stringify(config));
    const signing = await startProgram("examples/router", {
      ADAPTER_ENDPOINTS: JSON.stringify([librarian.url]),
      ATP_CONFIG: join(folder, "router.json"),
    });
    const outcomes = async (url: string, given?: Uint8Array): Promise<string[]> => {
      const run = { url: `${url.replace("http", "ws")}/ws`, token: undefined, key: given };
      return (await runIntegrity(run, all)).map(({ outcome, message }) => message ?? outcome);
    };
    try {
      expect(await outcomes(signing.url, key)).toEqual(["passed", "passed", "passed"]);
      const traces = await runServer(`${signing.url.replace("http", "ws")}/ws`, undefined, all, key);
      expect(failed(traces)).toEqual([]);
      expect(traces.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(50);
      expect(await outcomes(signing.url)).toEqual(Array(3).fill(expect.stringContaining("--key")));
      expect(await outcomes(signing.url, new Uint8Array(32))).toEqual(Array(3).fill(expect.stringContaining("A10-5")));
      expect(await outcomes(router.url)).toEqual(Array(3).fill("the router does not announce integrity"));
    } finally {
      await signing.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("B an adapter holds part B", async () => {
    const results = await runAdapter(librarian.url, all);
    expect(results.map(({ outcome, message }) => message ?? outcome)).toEqual(results.map(() => "passed"));
  });

  it("says in one line that nothing answers", async () => {
    await expect(runServer("ws://127.0.0.1:1/ws", undefined, all)).rejects.toThrow(
      "no router answers at ws://127.0.0.1:1/ws",
    );
  });
});
