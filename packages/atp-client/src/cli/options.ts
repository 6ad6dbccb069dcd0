import { InvalidArgumentError, Option } from "commander";
import { qosClasses, strategies } from "atp-protocol";
import type { Command } from "commander";
import type { Qos, Strategy, StreamOptions, Window } from "../index.js";

/** Options of every command. */
export interface ConnectionOptions {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Options of commands that ask. */
export interface AskOptions extends ConnectionOptions {
  readonly qos?: Qos;
  readonly strategy?: Strategy;
  readonly taskType?: string;
  readonly maxUsd?: number;
  readonly maxTokens?: number;
  readonly maxParallel?: number;
  readonly timeout?: number;
  readonly system?: string;
}

/** Adds the options of every command. */
export function withConnection(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", "the router").env("ATP_URL").default("ws://127.0.0.1:7443/ws"))
    .addOption(new Option("--token <token>", "credentials; better in the environment").env("ATP_TOKEN"))
    .option("--json", "one JSON object a line on standard output, no progress")
    .option("-q, --quiet", "no progress on standard error");
}

/** Adds the options of commands that ask. */
export function withAsking(command: Command): Command {
  return withConnection(command)
    .addOption(new Option("--qos <lane>", "the lane").choices(qosClasses))
    .addOption(new Option("--strategy <name>", "how answers come about").choices(strategies))
    .option("--task-type <type>", "what kind of task it is")
    .option("--max-usd <dollars>", "the most that may be spent, such as 0.01", usdMicros)
    .option("--max-tokens <n>", "the most tokens", uint)
    .option("--max-parallel <n>", "the most calls at once", uint)
    .option("--timeout <seconds>", "time for the whole run", seconds)
    .option("--system <text>", "the system prompt");
}

/** What a run is asked with. */
export function streamOptions(options: AskOptions, signal: AbortSignal): StreamOptions {
  const { qos, strategy, taskType, timeout } = options;
  const window = windowOf(options);
  return {
    ...(qos === undefined ? {} : { qos }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(taskType === undefined ? {} : { taskType }),
    ...(timeout === undefined ? {} : { deadlineMs: timeout }),
    ...(Object.keys(window).length === 0 ? {} : { window }),
    signal,
  };
}

/** The ceilings that the options name. */
export function windowOf({ maxUsd, maxTokens, maxParallel }: AskOptions): Window {
  return {
    ...(maxUsd === undefined ? {} : { max_usd_micros: maxUsd }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(maxParallel === undefined ? {} : { max_parallel: maxParallel }),
  };
}

/** Dollars as written to micro-dollars, digit by digit: no float comes between. */
export function usdMicros(text: string): number {
  const [, whole = "0", part = ""] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text))
    throw new InvalidArgumentError("dollars with at most six decimals, such as 0.01");
  return Number(whole) * 1_000_000 + Number(part.padEnd(6, "0"));
}

function uint(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

function seconds(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError("seconds");
  return Math.round(Number(text) * 1_000);
}
