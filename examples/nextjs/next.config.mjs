import { fileURLToPath } from "node:url";

/** @type {import("next").NextConfig} */
const config = {
  // The project around this example has a lock file of its own.
  turbopack: { root: fileURLToPath(new URL(".", import.meta.url)) },
  poweredByHeader: false,
};

export default config;
