import { createInterface } from "node:readline";
import type { Request, Testee } from "./protocol.js";

/** Serves a testee on standard input and output, one JSON object a line, until the input ends. */
export async function serveTestee(testee: Testee): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    const request = JSON.parse(line) as Request;
    let answer: object;
    try {
      answer = await testee.ask(request);
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify({ id: request["id"], ...answer })}\n`);
  }
}
