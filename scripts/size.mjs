// npm run size: what a page pays for the client, of the built output: bytes by size-limit, and what the bundle may not hold.
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { ensureInstalled, must, progress, root, run } from "./lib.mjs";

await ensureInstalled();
const { build } = await import("esbuild");

await must("building the client", join(root, "node_modules/.bin/turbo"), [
  "run",
  "build:js",
  "--filter=atp-client...",
  "--output-logs=errors-only",
]);
// Fails when a bundle is above its limit; the goals stand in the names.
const { code, output } = await run(join(root, "node_modules/.bin/size-limit"), [], { cwd: root, quiet: true });
process.stdout.write(output);

let failed = code !== 0;
const entries = { "atp-client": "index", "atp-client/react": "react/index" };
for (const [name, file] of Object.entries(entries)) {
  const { metafile } = await build({
    entryPoints: [join(root, `packages/atp-client/dist/${file}.js`)],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    external: ["react", ...(await import("node:module")).builtinModules, "node:*"],
    logLevel: "error",
  });
  const imports = Object.values(metafile.outputs).flatMap((one) => one.imports.map(({ path }) => path));
  const inputs = Object.keys(metafile.inputs);
  const foreign = [
    ...imports.filter((path) => isBuiltin(path)),
    ...inputs.filter((path) => /node_modules\/(zod|ws|cbor-x|commander|@bufbuild)\/|\/cli\//.test(path)),
  ];
  failed ||= foreign.length > 0;
  progress(`${name}: ${foreign.length === 0 ? "no zod, no Node built-in" : `holds ${foreign.join(", ")}`}`);
}
process.exit(failed ? 1 : 0);
