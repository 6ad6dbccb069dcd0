import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library({
    index: "src/index.ts",
    "lanes/index": "src/lanes/index.ts",
    "learning/index": "src/learning/index.ts",
    "node/index": "src/node/index.ts",
    "otel/index": "src/otel/index.ts",
    "oidc/index": "src/oidc/index.ts",
    "redis/index": "src/redis/index.ts",
    "openai/index": "src/openai/index.ts",
    "policy/index": "src/policy/index.ts",
    "testing/index": "src/testing/index.ts",
  }),
);
