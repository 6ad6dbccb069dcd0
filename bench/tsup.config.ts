import { defineConfig } from "tsup";
import { library } from "../tsup.base.js";

// Flat outputs: every program and every shared chunk lies directly in `dist/`, so `../` of any of them is this package.
export default defineConfig({
  ...library({
    router: "src/router/main.ts",
    clients: "src/clients/main.ts",
    profile: "src/profile/main.ts",
    "bench-adapter": "src/router/adapter.ts",
    "bench-load": "src/router/load.ts",
    "bench-router": "src/clients/router.ts",
  }),
  tsconfig: "tsconfig.json",
});
