import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests run on the sources, so that they need no build; tests of whole processes start the built programs. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^(atp-[a-z-]+)$/, replacement: `${source("./packages")}/$1/src/index.ts` },
      { find: /^(atp-[a-z-]+)\/([a-z]+)$/, replacement: `${source("./packages")}/$1/src/$2/index.ts` },
    ],
  },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "examples/**/test/**/*.test.ts",
      "bench/test/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    testTimeout: 20_000,
  },
});
