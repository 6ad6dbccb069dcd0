import { check, type Result, Skip } from "../result.js";
import { runTrace } from "../run-trace.js";
import { takes, type Choice } from "../run-testee.js";
import { readTraces } from "../data.js";
import { LiveLine } from "./live-line.js";

/** How often a trace that a quick router may win is put to it. */
const RACES = 3;

/**
 * Puts every trace of a choice to a running router. Those that need a clock or a program are skipped by name.
 * @param key signs what the suite says, for a router that asks for signatures
 * @throws Error when nothing answers at the URL.
 */
export async function runServer(
  url: string,
  token: string | undefined,
  choice: Choice,
  key?: Uint8Array,
): Promise<Result[]> {
  const first = new LiveLine(url, token);
  await first.connect(1, {}).catch((error: Error) => {
    throw new Error(`no router answers at ${url}: ${error.message}`);
  });
  await first.close();
  const results: Result[] = [];
  for (const trace of readTraces()) {
    const { id, profile, rules } = trace;
    if (trace.side !== "router" || !takes(choice, profile, `trace:${id}`)) continue;
    results.push(
      await check({ id: `trace:${id}`, profile, rules }, async () => {
        if (trace.virtual !== undefined) throw new Skip(`in virtual time only: ${trace.virtual}`);
        if ((trace.needs ?? []).includes("auth") && token === undefined)
          throw new Skip("no --token was given, so the router is taken as one that asks for none");
        if ((trace.needs ?? []).includes("anonymous") && token !== undefined)
          throw new Skip("a --token was given, so the router is taken as one that asks for it");
        for (let tries = trace.races === undefined ? 1 : RACES; ; tries--) {
          const line = new LiveLine(url, trace.profile === "auth" ? undefined : token, key);
          try {
            await runTrace(trace, line, { live: true, token });
            return;
          } catch (error) {
            if (tries === 1) throw error;
          } finally {
            await line.close();
          }
        }
      }),
    );
  }
  return results;
}
