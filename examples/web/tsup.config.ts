import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

// Libraries stay outside: the server runs where they are installed. The page beside it is left as it is.
export default defineConfig({
  ...library({ main: "src/server/main.ts" }),
  tsconfig: "tsconfig.json",
  skipNodeModulesBundle: true,
  clean: ["*.js", "*.js.map"],
});
