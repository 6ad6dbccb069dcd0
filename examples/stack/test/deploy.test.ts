import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const deploy = join(root, "examples/deploy");

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}
const yamlFiles = filesUnder(deploy).filter((path) => path.endsWith(".yaml"));

/** Everything that source code of the project's processes says, to look names up in. */
const sources = ["packages", "examples"]
  .flatMap((folder) => filesUnder(join(root, folder)))
  .filter((path) => /\/src\/.*\.ts$/.test(path))
  .map((path) => readFileSync(path, "utf8"))
  .join("\n");
const specification = readFileSync(join(root, "docs/spec/d-processes.md"), "utf8");

/** Each place in a value that a predicate picks. */
function* walk(value: unknown, path: readonly string[] = []): Generator<{ path: readonly string[]; value: unknown }> {
  yield { path, value };
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) yield* walk(member, [...path, name]);
}
const documents = yamlFiles.flatMap((path) =>
  parseAllDocuments(readFileSync(path, "utf8")).map((document) => ({
    file: path.slice(deploy.length + 1),
    errors: document.errors,
    content: document.toJS({ maxAliasCount: 100 }) as unknown,
  })),
);

describe("deployment files", () => {
  it("are YAML without an error", () => {
    expect(documents.filter(({ errors }) => errors.length > 0).map(({ file }) => file)).toEqual([]);
    expect(documents.length).toBeGreaterThan(15);
  });

  it("set only variables that a process of the project reads", () => {
    const own = documents.filter(({ file }) => /^(compose|kubernetes|cloud-run)/.test(file));
    const names = new Set<string>();
    for (const { content } of own)
      for (const { path, value } of walk(content)) {
        const at = path.at(-2);
        if (at === "environment") names.add(path.at(-1) ?? "");
        if (path.includes("env") && path.at(-1) === "name" && typeof value === "string") names.add(value);
      }
    expect(names.size).toBeGreaterThan(8);
    expect([...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(sources + specification))).toEqual([]);
  });

  it("name only ports that a process listens on by default", () => {
    const known = new Set([7443, 7070, 8080, 8181, 6379, 4318, 9090, 3000, 53, 443]);
    const ports = documents.flatMap(({ content }) =>
      [...walk(content)].flatMap(({ path, value }) =>
        /^(containerPort|port)$/.test(path.at(-1) ?? "") && typeof value === "number" ? [value] : [],
      ),
    );
    expect(ports.filter((port) => !known.has(port))).toEqual([]);
    for (const port of [7443, 7070, 8080]) expect(sources).toContain(String(port));
  });

  it("mount and build only what is in the project", () => {
    const compose = documents.find(({ file }) => file === "compose.yaml")?.content as {
      services: Record<string, { volumes?: string[]; build?: { dockerfile: string; args: { PROGRAM: string } } }>;
    };
    for (const [name, { volumes = [], build }] of Object.entries(compose.services)) {
      for (const volume of volumes.filter((text) => text.startsWith(".")))
        expect(existsSync(join(deploy, volume.split(":")[0] ?? "")), `${name}: ${volume}`).toBe(true);
      if (build === undefined) continue;
      expect(existsSync(join(root, build.dockerfile)), name).toBe(true);
      expect(existsSync(join(root, build.args.PROGRAM, "src/main.ts")), name).toBe(true);
    }
  });

  it("probe only paths that the processes answer", () => {
    const probed = documents.flatMap(({ content }) =>
      [...walk(content)].flatMap(({ path, value }) =>
        path.at(-2) === "httpGet" && path.at(-1) === "path" ? [value] : [],
      ),
    );
    expect(new Set(probed)).toEqual(new Set(["/healthz", "/readyz"]));
    for (const path of ["/healthz", "/readyz"]) expect(sources).toContain(`"${path}"`);
  });

  it("run as nobody on a file system that cannot be written, wherever that can be said", () => {
    const pods = documents.filter(({ file }) => file.startsWith("kubernetes/")).map(({ content }) => content);
    const deployments = pods.filter((one) => (one as { kind?: string }).kind === "Deployment");
    expect(deployments).toHaveLength(4);
    for (const one of deployments) {
      const text = JSON.stringify(one);
      expect(text).toContain('"runAsNonRoot":true');
      expect(text).toContain('"readOnlyRootFilesystem":true');
    }
    const dockerfile = readFileSync(join(deploy, "Dockerfile"), "utf8");
    expect(dockerfile).toMatch(/^USER nonroot$/m);
    for (const [, source] of dockerfile.matchAll(/^COPY --from=build \S+ \/atp\/(\S+) /gm))
      expect(existsSync(join(root, source ?? "")) || source === "node_modules", source).toBe(true);
  });

  it("the Cloud Run script deploys the service files that are there", () => {
    const script = readFileSync(join(deploy, "cloud-run/deploy.sh"), "utf8");
    for (const [, name, program] of script.matchAll(/\b([a-z-]+):(examples\/[a-z/-]+)/g)) {
      expect(existsSync(join(deploy, `cloud-run/${name}.yaml`)), name).toBe(true);
      expect(existsSync(join(root, program ?? "", "src/main.ts")), program).toBe(true);
    }
  });
});
