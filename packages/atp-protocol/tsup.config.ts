import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";
import { internalNames } from "./scripts/internal-names.mjs";

export default defineConfig({
  ...library(
    {
      index: "src/index.ts",
      "schema/index": "src/schema/index.ts",
      "cbor/index": "src/cbor/index.ts",
      "integrity/index": "src/integrity/index.ts",
      "replay/index": "src/replay/index.ts",
      "adapter/index": "src/adapter/index.ts",
      "conformance/cli": "conformance/src/cli.ts",
    },
    "neutral",
  ),
  esbuildOptions(options) {
    options.mangleProps = internalNames;
  },
});
