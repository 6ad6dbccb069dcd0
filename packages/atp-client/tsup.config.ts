import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library(
    {
      index: "src/index.ts",
      "react/index": "src/react/index.ts",
      "ai/index": "src/ai/index.ts",
      "cli/main": "src/cli/main.ts",
      "cbor/index": "src/cbor/index.ts",
      "integrity/index": "src/integrity/index.ts",
    },
    "neutral",
  ),
);
