import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The page alone. No inlined files: the server's content security policy allows its own origin only. */
export default defineConfig({
  plugins: [react()],
  base: "./",
  logLevel: "warn",
  build: { outDir: "dist/page", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: false },
});
