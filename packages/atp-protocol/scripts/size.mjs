// Measures what a client's bundle carries of this package: codec and client endpoint, minified and gzipped, and refuses a
// bundle that holds zod or cbor-x. The bound is in bytes; `--report` prints the share of each file.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { internalNames } from "./internal-names.mjs";

const GOAL_BYTES = 5_632;
const root = fileURLToPath(new URL("..", import.meta.url));
const result = await build({
  stdin: {
    contents: 'export { createClientEndpoint, decodeFrame, encodeFrame, fragmentation } from "./src/index.ts";',
    resolveDir: root,
  },
  bundle: true,
  minify: true,
  // As the package's own build does.
  mangleProps: internalNames,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  write: false,
  metafile: true,
  logLevel: "error",
});
const code = result.outputFiles[0].contents;
const bytes = gzipSync(code, { level: 9 }).length;
const foreign = Object.keys(result.metafile.inputs).filter((path) => path.includes("node_modules"));
if (process.argv.includes("--report")) {
  const [output] = Object.values(result.metafile.outputs);
  for (const [path, { bytesInOutput }] of Object.entries(output.inputs).sort(
    (a, b) => b[1].bytesInOutput - a[1].bytesInOutput,
  ))
    console.log(`${String(bytesInOutput).padStart(6)} ${path}`);
}
console.log(
  JSON.stringify({ name: "client-size", min_bytes: code.length, gzip_bytes: bytes, goal_bytes: GOAL_BYTES, foreign }),
);
if (foreign.length > 0) {
  console.error(`the client's graph holds ${foreign.join(", ")}`);
  process.exit(1);
}
if (bytes > GOAL_BYTES) {
  console.error(`${bytes} bytes are over the goal of ${GOAL_BYTES}`);
  process.exit(1);
}
