/** Who may import whom. See ARCHITECTURE.md. */
const core = "^packages/atp-router-core/src";
const pure = "(model|money|lanes|routing|consensus|learning|stream|router)";

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "modules that only share types may know one another",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-unresolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "protocol-imports-none-of-ours",
      severity: "error",
      from: { path: "^packages/atp-protocol/src" },
      to: { path: "^packages/(?!atp-protocol)" },
    },
    {
      name: "packages-import-only-the-protocol",
      comment: "client, router and kit never import one another",
      severity: "error",
      from: { path: "^packages/(atp-client|atp-router-core|atp-adapter-kit)/src" },
      to: { path: "^packages/", pathNot: ["^packages/atp-protocol/", "^packages/$1/"] },
    },
    {
      name: "client-graph-has-no-zod",
      severity: "error",
      from: { path: "^packages/(atp-client/src|atp-protocol/src/(index|frame|codec|endpoint))" },
      to: { path: "(node_modules/zod|atp-protocol/src/schema)", reachable: true },
    },
    {
      name: "pure-rooms-import-pure-rooms",
      comment: "ports, runtime and edges never appear in a pure room",
      severity: "error",
      from: { path: `${core}/${pure}/` },
      to: {
        path: "^packages/",
        pathNot: [`${core}/${pure}/`, "^packages/atp-protocol/src/(index|frame|codec|endpoint)"],
      },
    },
    {
      name: "pure-rooms-need-no-library",
      severity: "error",
      from: { path: [`${core}/${pure}/`, "^packages/atp-protocol/src/(frame|codec|endpoint)/"] },
      to: { dependencyTypes: ["npm", "core"], pathNot: "cbor-x" },
    },
    {
      name: "rooms-import-only-the-model",
      comment: "one room does not reach into another; the stream and the router compose them",
      severity: "error",
      from: { path: `${core}/(money|lanes|routing|consensus|learning)/` },
      to: {
        path: `${core}/(money|lanes|routing|consensus|learning|stream|router)/`,
        pathNot: [`${core}/$1/`, `${core}/money/index`],
      },
    },
    {
      name: "ports-know-only-values",
      severity: "error",
      from: { path: `${core}/ports/` },
      to: { path: `${core}/`, pathNot: [`${core}/(ports|model)/`] },
    },
    {
      name: "edges-import-ports-and-runtime",
      severity: "error",
      from: { path: `${core}/(node|policy|oidc|otel|openai)/` },
      to: { path: `${core}/(money|lanes|routing|consensus|learning|stream|router)/` },
    },
    {
      name: "published-names-only",
      comment: "examples and benches use packages as a user does",
      severity: "error",
      from: { path: "^(examples|bench)/" },
      to: { path: "^packages/", dependencyTypes: ["local"], dependencyTypesNot: ["aliased"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^examples/nextjs/|/dist/|/gen/|\\.test\\.ts$|tsup\\.config\\.ts$|bench/baselines|/test/)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".d.ts"],
    },
  },
};
