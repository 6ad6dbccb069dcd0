#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { isAtpError, isAtpLocalError } from "../index.js";
import { ask, chat, explain, watch } from "./commands.js";
import { exitCodeOf, exitCodesHelp } from "./exit-codes.js";
import { withAsking, withConnection } from "./options.js";
import type { AskOptions, ConnectionOptions } from "./options.js";
import { plain } from "./terminal.js";
import type { Terminal } from "./terminal.js";

const interrupted = new AbortController();
let json = false;

function terminalOf(options: ConnectionOptions): Terminal {
  json = options.json === true;
  const write = (stream: NodeJS.WriteStream) => (text: string) => {
    stream.write(text);
  };
  return { out: write(process.stdout), err: write(process.stderr), json, quiet: options.quiet === true };
}

function milliseconds(text: string): number {
  const value = Math.round(Number(text) * 1_000);
  if (!(value >= 100)) throw new InvalidArgumentError("seconds, at least 0.1");
  return value;
}

function times(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("a whole number from 1");
  return Number(text);
}

const program = new Command("atp")
  .description("Asks an ATP router from a terminal.")
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText("after", `\n${exitCodesHelp}`);

withAsking(
  program.command("ask <prompt...>").description("ask one question; the answer goes to standard output"),
).action((words: string[], options: AskOptions) =>
  ask(words.join(" "), options, terminalOf(options), interrupted.signal),
);
withAsking(program.command("chat").description("a conversation, one question a line")).action((options: AskOptions) =>
  chat(options, terminalOf(options), interrupted.signal),
);
withAsking(
  program
    .command("explain <prompt...>")
    .description("how the router would run it: policy, estimates, plan; spends nothing"),
).action((words: string[], options: AskOptions) =>
  explain(words.join(" "), options, terminalOf(options), interrupted.signal),
);
withConnection(program.command("watch").description("the router's lanes, adapters and budgets, again and again"))
  .option("--interval <seconds>", "how often", milliseconds, 2_000)
  .option("--count <n>", "how many times", times)
  .action((options: ConnectionOptions & { interval: number; count?: number }) =>
    watch(options, terminalOf(options), interrupted.signal),
  );
for (const command of program.commands) command.addHelpText("after", `\n${exitCodesHelp}`);

// The first Ctrl-C cancels, so that adapters stop and the bill is settled; the second one leaves at once.
process.on("SIGINT", () => {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error("interrupted"));
});
// A reader that goes, such as `head`, is no failure.
process.stdout.on("error", () => process.exit(0));

try {
  await program.parseAsync();
  if (interrupted.signal.aborted) process.exitCode = 130;
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.exitCode = interrupted.signal.aborted ? 130 : exitCodeOf(error);
    const { message } = error as Error;
    const isOurs = isAtpError(error) || isAtpLocalError(error);
    const told = {
      code: isOurs ? error.code : "INTERNAL",
      message: plain(message),
      ...(isOurs ? { processed: error.processed } : {}),
    };
    if (json) process.stdout.write(`${JSON.stringify({ type: "error", ...told })}\n`);
    else process.stderr.write(`${told.code}: ${told.message}\n`);
  }
}
