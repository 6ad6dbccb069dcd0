/** The child's side of the channel to the program that started it with `fork`; the floor's children speak the same. */

/** An operation that the parent may call by name. */
export type Operation = (argument: never) => unknown;

interface Request {
  readonly id?: number;
  readonly op: string;
  readonly arg?: unknown;
}

/** Answers calls from the parent until it says `exit` or goes away. */
export function serveControl(operations: Readonly<Record<string, Operation>> = {}): void {
  process.on("message", (message) => {
    const { id, op, arg } = message as Request;
    if (op === "exit") process.exit(0);
    const operation = operations[op];
    if (operation === undefined) {
      tell({ id, error: `no operation ${op}` });
      return;
    }
    Promise.resolve()
      .then(() => operation(arg as never))
      .then(
        (v) => tell({ id, v }),
        (error: unknown) =>
          tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on("disconnect", () => process.exit(0));
}

/** Says that this program is ready, and where it listens. */
export function tellReady(port?: number): void {
  tell({ ready: true, ...(port === undefined ? {} : { port }) });
}

function tell(message: object): void {
  if (process.send === undefined) throw new Error("start this program with fork: it answers to its parent");
  process.send(message);
}
