import type { Options } from "tsup";

/**
 * One build for every package: ESM only, shared chunks, source maps. Declarations come from `tsc` (`build:types`),
 * so that starting a program never waits for them.
 */
export function library(entry: Record<string, string>, platform: "neutral" | "node" = "node"): Options {
  return {
    entry,
    format: ["esm"],
    target: "es2022",
    platform,
    sourcemap: true,
    splitting: true,
    treeshake: true,
    dts: false,
    clean: ["**/*.js", "**/*.js.map"],
    tsconfig: "tsconfig.build.json",
  };
}
