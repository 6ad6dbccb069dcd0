import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library({ index: "src/index.ts", "schema/index": "src/schema/index.ts", "adapter/index": "src/adapter/index.ts" }, "neutral"),
);
