import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readConfig } from "atp-router-core/node";
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

  it("the Cloud Run script deploys each service file, builds programs that are there, and fills every placeholder", () => {
    const script = readFileSync(join(deploy, "cloud-run/deploy.sh"), "utf8");
    const pairs = [...script.matchAll(/\b([a-z-]+):(examples\/[a-z/-]+)/g)];
    expect(pairs.length).toBeGreaterThan(3);
    for (const [, name, program] of pairs) {
      expect(existsSync(join(deploy, `cloud-run/${name}.yaml`)), name).toBe(true);
      expect(existsSync(join(root, program ?? "", "src/main.ts")), program).toBe(true);
    }
    const deployed = /^for name in ([a-z- ]+); do\n {2}sed/m.exec(script)?.[1]?.split(" ") ?? [];
    const services = documents.flatMap(({ file }) => /^cloud-run\/(.*)\.yaml$/.exec(file)?.[1] ?? []);
    expect([...deployed].sort()).toEqual([...services].sort());
    // A service may name only the addresses of services before it.
    for (const [i, name] of deployed.entries()) {
      const text = readFileSync(join(deploy, `cloud-run/${name}.yaml`), "utf8");
      const asked = [...text.matchAll(/(?:value: |")([A-Z_]+)_URL\b/g)].map(([, asks = ""]) =>
        asks.toLowerCase().replaceAll("_", "-"),
      );
      expect(deployed.slice(0, i), name).toEqual(expect.arrayContaining(asked));
    }
    for (const [, secret, path] of script.matchAll(/^secret (\S+) (\S+)$/gm)) {
      if (path?.includes("/secrets/") !== true) expect(existsSync(join(root, path ?? "")), path).toBe(true);
      expect(JSON.stringify(documents), secret).toContain(`"secretName":"${secret}"`);
    }
  });

  it("mount what their variables and arguments name", () => {
    const secretFiles = documents.filter(({ file }) => /^(cloud-run|kubernetes)\//.test(file));
    let named = 0;
    for (const { file, content } of secretFiles)
      for (const { value } of walk(content)) {
        const container = value as {
          env?: { value?: string }[];
          args?: string[];
          volumeMounts?: { mountPath: string }[];
        };
        if (typeof value !== "object" || value === null || !("image" in value)) continue;
        const texts = [...(container.env ?? []).map((one) => one.value ?? ""), ...(container.args ?? [])];
        for (const [, path] of texts.flatMap((text) => [...text.matchAll(/(?:^|=)(\/[a-z][a-z/.-]+)$/g)])) {
          if (path === undefined || path.startsWith("/atp/")) continue;
          named++;
          const mounts = (container.volumeMounts ?? []).map(({ mountPath }) => `${mountPath}/`);
          expect(
            mounts.some((mount) => path.startsWith(mount)),
            `${file}: ${path} is not mounted`,
          ).toBe(true);
        }
      }
    expect(named).toBeGreaterThan(4);
  });

  it("hold the whole diagram in compose.yaml, and what a cluster needs in Kubernetes", () => {
    const compose = documents.find(({ file }) => file === "compose.yaml")?.content as { services: object };
    const diagram = ["router", "librarian", "persona", "memory-gateway", "redis", "opa", "otel-collector"];
    expect(Object.keys(compose.services).sort()).toEqual([...diagram, "prometheus", "grafana"].sort());
    const kinds = documents
      .filter(({ file }) => file.startsWith("kubernetes/"))
      .map(({ content }) => (content as { kind?: string }).kind);
    for (const kind of ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"])
      expect(kinds).toContain(kind);
  });

  it("give the router a configuration and variables that it takes", () => {
    const compose = documents.find(({ file }) => file === "compose.yaml")?.content as {
      services: { router: { environment: Record<string, string> } };
    };
    const env = {
      ...compose.services.router.environment,
      ATP_CONFIG: join(deploy, "config/router.yaml"),
      HOST: "0.0.0.0",
    };
    expect(readConfig(env)).toMatchObject({ ok: true });
    const typo = { ...env, ADAPTER_ENDPOINTS: "http://librarian:7070" };
    expect(readConfig(typo)).toMatchObject({ ok: false });
  });

  it("run commands that the image has", () => {
    const dockerfile = readFileSync(join(deploy, "Dockerfile"), "utf8");
    const [, main] = /^CMD \["dist\/(\w+)\.js"\]$/m.exec(dockerfile) ?? [];
    for (const program of ["router", "memory-gateway", "adapters/librarian", "adapters/persona"])
      expect(readFileSync(join(root, `examples/${program}/tsup.config.ts`), "utf8")).toContain(`${main}: "src/`);
    const scripts = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object }).scripts;
    const guide = readFileSync(join(root, "docs/guides/deployment.md"), "utf8");
    for (const text of [dockerfile, guide, ...filesUnder(deploy).map((path) => readFileSync(path, "utf8"))])
      for (const [, name] of text.matchAll(/npm run ([a-z][a-z:-]+)/g)) expect(Object.keys(scripts)).toContain(name);
    for (const [, task] of dockerfile.matchAll(/turbo run (\S+)/g))
      expect(
        Object.keys((JSON.parse(readFileSync(join(root, "turbo.json"), "utf8")) as { tasks: object }).tasks),
      ).toContain(task);
  });
});
