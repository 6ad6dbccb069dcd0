/**
 * Configuration of replay adapters from arguments and the environment.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ConfigError, type Environment, integerSetting, setting } from "atp-adapter-kit";

/** What the process serves. */
export interface ReplayConfig {
  /** The folder with `prices.json` and `<task>.<part>.jsonl.gz`. */
  readonly folder: string;
  /** Models to serve, each at its own port. */
  readonly models: readonly { readonly model: string; readonly port: number }[];
}

/** Beside the project, seen from `src/` as from `dist/`. */
const usualFolder = fileURLToPath(new URL("../../../../../shared/data/recorded", import.meta.url));
const usualPort = 7070;

/**
 * Reads `--data DIR` (`ATP_RECORDED`; a folder of recorded answers beside the project), `--model NAME`, once for each model
 * (`MODELS`, separated by commas; needed), and where they listen: `PORTS`, one for each model, else `PORT` (7070) for the
 * first and the next numbers for the others. Port 0 takes a free one.
 *
 * @throws ConfigError
 */
export function readReplayConfig(args: readonly string[], env: Environment): ReplayConfig {
  const { data, model } = flagsOf(args);
  const folder = resolve(data ?? setting(env, "ATP_RECORDED") ?? usualFolder);
  if (!existsSync(join(folder, "prices.json"))) {
    throw new ConfigError(
      `there are no recorded answers in ${folder}: give a folder that has prices.json with --data DIR or ATP_RECORDED`,
    );
  }
  const models = model ?? listOf(setting(env, "MODELS"));
  if (models.length === 0) throw new ConfigError("name the models to serve with --model NAME (repeated) or MODELS=a,b");
  if (new Set(models).size < models.length) throw new ConfigError("a model is named twice");
  const ports = portsOf(env, models.length);
  return { folder, models: models.map((name, i) => ({ model: name, port: ports[i] ?? 0 })) };
}

function flagsOf(args: readonly string[]): { readonly data?: string; readonly model?: readonly string[] } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { data: { type: "string" }, model: { type: "string", multiple: true } },
    });
    return values;
  } catch (thrown) {
    throw new ConfigError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function portsOf(env: Environment, count: number): readonly number[] {
  const given = listOf(setting(env, "PORTS"));
  const range = { min: 0, max: 65_535 };
  if (given.length === 0) {
    const first = integerSetting(env, "PORT", range) ?? usualPort;
    return Array.from({ length: count }, (_, i) => (first === 0 ? 0 : first + i));
  }
  if (given.length !== count)
    throw new ConfigError(`PORTS names ${given.length} ports for ${count} models: name one for each`);
  return given.map((port) => integerSetting({ PORTS: port }, "PORTS", range) ?? 0);
}
