import { parseArgs } from "node:util";

/** Options that every bench understands. */
export interface BenchOptions {
  /** One JSON object on the last line of standard output, and nothing else there. */
  readonly json: boolean;
  /** More rounds. */
  readonly long: boolean;
  /** Write the figures into the bench's page in `docs/benchmarks/`. */
  readonly write: boolean;
}

/**
 * Reads a bench's command line.
 * @throws Error with one clear line when an option is unknown
 */
export function benchOptions(): BenchOptions {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({ options: { json: flag, long: flag, write: flag } });
  return { json: values.json, long: values.long, write: values.write };
}

/** Runs a bench and ends the process: 0 when it ran, whatever its figures; 1 with the reason when it could not. */
export function runBench(run: () => Promise<void>): void {
  // An exit of its own, so that no started program stays behind.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  run().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`bench failed: ${told(error)}
`);
      process.exit(1);
    },
  );
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A wrong option is the user's matter: where it was found in the program helps nobody.
  const { code } = error as { readonly code?: string };
  return code?.startsWith("ERR_PARSE_ARGS") === true ? error.message : (error.stack ?? error.message);
}
