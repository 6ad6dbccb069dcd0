import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(library({ index: "src/index.ts", "openai/index": "src/openai/index.ts" }));
