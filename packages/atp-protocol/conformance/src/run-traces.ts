import { testeeLine } from "./line.js";
import { check, type Result, Skip } from "./result.js";
import { runTrace } from "./run-trace.js";
import type { About, Testee } from "./testee/protocol.js";
import type { Trace } from "./trace-data.js";

/** Puts every trace to a testee, in virtual time. */
export async function runTraces(traces: readonly Trace[], testee: Testee, about: About): Promise<Result[]> {
  const results: Result[] = [];
  for (const trace of traces) {
    const { profile, rules } = trace;
    results.push(
      await check({ id: `trace:${trace.id}`, profile, rules }, async () => {
        if (trace.live === true) throw new Skip("only for a live router");
        if (!about.ops.includes("start")) throw new Skip("the testee plays no sessions");
        if (!about.sides.includes(trace.side)) throw new Skip(`the testee does not play the ${trace.side}`);
        const asked = [...(trace.capabilities ?? []), ...(trace.needs ?? [])];
        const missing = asked.find((name) => !about.capabilities.includes(name));
        if (missing !== undefined) throw new Skip(`the testee does not announce ${missing}`);
        const naive = trace.begin === "naive" && trace.side === "client";
        const start = {
          ...{ op: "start", side: trace.side, session_id: "s1", capabilities: trace.capabilities ?? [], naive },
          ...trace.start,
        };
        const line = await testeeLine(testee, start);
        try {
          await runTrace(trace, line, { live: false });
        } finally {
          await line.close();
        }
      }),
    );
  }
  return results;
}
