import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Answer, Request, Testee } from "./protocol.js";

/** How long a testee has for one answer, in milliseconds. */
const ANSWER_MS = 10_000;

/**
 * A testee in a process of its own: JSON lines over its standard input and output; what it writes to standard error is
 * shown. One request is open at a time.
 * @param command run by the shell, such as `python3 testee.py`
 */
export function startTestee(command: string): Testee {
  const child = spawn(command, { shell: true, stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  let gone: string | null = null;

  const end = (why: string): void => {
    gone ??= why;
    for (const done of waiting.values()) done({ error: gone });
    waiting.clear();
  };
  child.on("error", (error) => end(error.message));
  child.on("exit", (code) => end(`the testee has ended with code ${code}`));
  child.stdin.on("error", () => end("the testee reads no more"));
  createInterface({ input: child.stdout }).on("line", (line) => {
    let answer: Answer;
    try {
      answer = JSON.parse(line) as Answer;
    } catch {
      return end(`not a JSON line: ${line.slice(0, 120)}`);
    }
    const id = Number(answer["id"]);
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });

  return {
    ask(request: Request): Promise<Answer> {
      if (gone !== null) return Promise.resolve({ error: gone });
      const id = ++lastId;
      return new Promise((resolve) => {
        const timer = setTimeout(() => end(`no answer to ${request.op} within ${ANSWER_MS} ms`), ANSWER_MS);
        waiting.set(id, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
      });
    },
    async close() {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), 1_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
