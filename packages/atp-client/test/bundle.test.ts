import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryRouter } from "./support/memory-router.js";
import { settle, VirtualClock } from "./support/virtual-clock.js";

interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<
    Record<string, { readonly imports: readonly { readonly path: string; readonly external?: boolean }[] }>
  >;
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const out = mkdtempSync(join(tmpdir(), "atp-client-bundle-"));
let code: string;
let meta: Metafile;

/** What a page's bundler makes of the client: everything in one script, browser fields taken. */
beforeAll(async () => {
  await build({
    entry: { client: file("../src/index.ts") },
    config: false,
    outDir: out,
    format: ["iife"],
    globalName: "atp",
    platform: "browser",
    target: "es2022",
    noExternal: [/.*/],
    metafile: true,
    silent: true,
    dts: false,
    tsconfig: file("../tsconfig.json"),
    esbuildOptions: (options) => {
      options.alias = { "atp-protocol": file("../../atp-protocol/src/index.ts") };
    },
  });
  code = readFileSync(join(out, "client.global.js"), "utf8");
  meta = JSON.parse(readFileSync(join(out, "metafile-iife.json"), "utf8")) as Metafile;
});
afterAll(() => {
  rmSync(out, { recursive: true, force: true });
});

describe("the client in a page", () => {
  it("has no Node built-in, no schema library and no second WebSocket in its graph", () => {
    const imports = Object.values(meta.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    expect(imports.filter((path) => isBuiltin(path))).toEqual([]);
    expect(imports).toEqual([]);
    const inputs = Object.keys(meta.inputs);
    expect(inputs.filter((path) => /node_modules\/(zod|ws|@bufbuild)\//.test(path))).toEqual([]);
    expect(inputs.some((path) => path.endsWith("isomorphic-ws/browser.js"))).toBe(true);
  });

  it("asks and answers with a browser's globals alone", async () => {
    const router = new MemoryRouter(new VirtualClock(), {
      opened: (stream) => {
        stream.accept().partial("a", 0, "hello").finish("done");
      },
    });
    class PageSocket {
      constructor(url: string, protocols: string[]) {
        return router.socket(url, protocols);
      }
    }
    const { URL, TextEncoder, setTimeout, clearTimeout, queueMicrotask, performance, crypto } = globalThis;
    const page = vm.createContext({
      URL,
      TextEncoder,
      setTimeout,
      clearTimeout,
      queueMicrotask,
      performance,
      crypto,
      WebSocket: PageSocket,
    });
    const asked = vm.runInContext(
      `${code}; const client = atp.createClient({ url: "ws://router.test/ws" }); client.stream("hi").final()`,
      page,
    ) as Promise<{ answer: string }>;
    expect((await asked).answer).toBe("done");
    await vm.runInContext("client.close()", page);
    await settle();
    expect(router.last.closedBy?.code).toBe(1000);
  });
});
