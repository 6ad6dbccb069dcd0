// Checks each published package as a user gets it: its tarball's contents, its types, and `require()` of it.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must, progress, root, run } from "./lib.mjs";

const packages = ["atp-protocol", "atp-router-core", "atp-client", "atp-adapter-kit"];
const bin = (name) => join(root, "node_modules/.bin", name);
const folder = mkdtempSync(join(tmpdir(), "atp-pack-"));
let failed = 0;
try {
  for (const name of packages) {
    const cwd = join(root, "packages", name);
    await must(`packing ${name}`, "npm", ["pack", "--silent", "--pack-destination", folder], { cwd });
    const tarball = join(
      folder,
      readdirSync(folder).find((file) => file.startsWith(`${name}-`)),
    );
    const checks = [
      ["publint", [tarball, "--strict"]],
      ["attw", [tarball, "--profile", "esm-only", "--quiet"]],
    ];
    for (const [tool, args] of checks) {
      const { code, output } = await run(bin(tool), args, { cwd, quiet: true });
      if (code !== 0) {
        failed++;
        process.stderr.write(output);
      }
      progress(`${name}: ${tool} ${code === 0 ? "ok" : "FAILED"}`);
    }
    // ESM only, and still usable from CommonJS on the Node versions we support.
    const { code, output } = await run(process.execPath, ["--no-warnings", "-e", `require(${JSON.stringify(name)})`], {
      cwd: root,
      quiet: true,
    });
    const old = /ERR_REQUIRE_ESM/.test(output);
    if (code !== 0 && !old) {
      failed++;
      process.stderr.write(output);
    }
    progress(`${name}: require() ${code === 0 ? "ok" : old ? "not supported by this Node" : "FAILED"}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
