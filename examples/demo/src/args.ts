import { qosClasses, strategies } from "atp-protocol";
import type { Qos, Strategy } from "atp-protocol";

/** What the demo was asked to do. */
export interface DemoArgs {
  readonly question: string;
  readonly json: boolean;
  readonly strategy: Strategy;
  readonly qos: Qos;
  readonly maxTokens: number;
  readonly maxUsdMicros: number;
}

/** An argument that cannot work; its message is the one line the user sees. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const defaults: DemoArgs = {
  question: "How is a budget kept?",
  json: false,
  strategy: "fanout",
  qos: "gold",
  maxTokens: 20_000,
  maxUsdMicros: 50_000,
};

/** Options that take a value. */
const valued = new Set(["--strategy", "--qos", "--max-tokens", "--max-usd-micros"]);

/**
 * Reads the demo's arguments.
 * @throws UsageError
 */
export function readArgs(argv: readonly string[]): DemoArgs {
  const args: { -readonly [Key in keyof DemoArgs]: DemoArgs[Key] } = { ...defaults };
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? "";
    if (arg === "--") {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!arg.startsWith("--")) {
      words.push(arg);
      continue;
    }
    const [name, inline] = split(arg);
    if (name === "--json") {
      if (inline !== undefined) throw new UsageError("--json takes no value");
      args.json = true;
      continue;
    }
    if (!valued.has(name)) throw new UsageError(`${name} is no option of the demo; see npm run demo -- --help`);
    const value = inline ?? argv[++i];
    if (value === undefined) throw new UsageError(`${name} needs a value; see npm run demo -- --help`);
    if (name === "--strategy") args.strategy = oneOf(name, value, strategies);
    else if (name === "--qos") args.qos = oneOf(name, value, qosClasses);
    else if (name === "--max-tokens") args.maxTokens = amount(name, value);
    else args.maxUsdMicros = amount(name, value);
  }
  const question = words.join(" ").trim();
  if (question !== "") args.question = question;
  return args;
}

function split(arg: string): [name: string, value: string | undefined] {
  const at = arg.indexOf("=");
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined)
    throw new UsageError(`${name} is one of ${allowed.join(", ")}, not ${JSON.stringify(value)}`);
  return found;
}

function amount(name: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw new UsageError(`${name} is a whole number, not ${JSON.stringify(value)}`);
  }
  return number;
}
