import { AtpError } from "atp-protocol";
import { type Evidence, gather } from "./evidence.js";
import { call, chunksOf, must, sent, span } from "./looks.js";
import type { Stack } from "./stack.js";

/** Why a check could not be made here: it proves nothing, and says so. */
interface NotRun {
  readonly notRun: string;
}

/** One thing that must hold. Throws when it does not; what it returns is shown. */
interface Check {
  readonly id: string;
  readonly what: string;
  readonly holds: (evidence: Evidence, stack: Stack) => string | NotRun | Promise<string | NotRun>;
}

/** What came of all checks. */
export interface Checked {
  readonly held: number;
  readonly failed: number;
  readonly notRun: number;
}

/**
 * Proves the arrows of the two diagrams and the steps of the example by what real requests left behind.
 * @param tell hears a line for each check
 */
export async function runChecks(stack: Stack, tell: (line: string) => void): Promise<Checked> {
  const evidence = await gather(stack);
  const count = { held: 0, failed: 0, notRun: 0 };
  for (const { id, what, holds } of checks) {
    const line = (mark: string, told: string): void => tell(`${mark.padEnd(4)} ${id.padEnd(8)} ${what}: ${told}`);
    try {
      const told = await holds(evidence, stack);
      count[typeof told === "string" ? "held" : "notRun"]++;
      if (typeof told === "string") line("ok", told);
      else line("-", `not run: ${told.notRun}`);
    } catch (error) {
      count.failed++;
      line("FAIL", (error as Error).message);
    }
  }
  return count;
}

const checks: readonly Check[] = [
  {
    id: "1.1",
    what: "client -> router: SYN",
    holds: (e) => {
      must(e.qa.ended === "agent.result.final", `the stream ended with ${e.qa.ended}`);
      return `stream ${e.qa.streamId} was opened by a raw frame, and answered`;
    },
  },
  {
    id: "1.2",
    what: "router -> policy: check",
    holds: (e, { decisions }) => {
      if (decisions !== undefined) must(decisions.allowed > 0, "the policy server was not asked");
      return span(e, "policy");
    },
  },
  {
    id: "1.3",
    what: "policy -> router: allow and deny",
    holds: (e, { decisions }) => {
      must(e.denied.code === "EPOLICY", `a forbidden tool ended with ${e.denied.code}`);
      if (decisions === undefined) return "allowed, and denied by name";
      must(decisions.denied > 0, "the policy server denied nothing");
      return `${decisions.allowed} allowed, ${decisions.denied} denied`;
    },
  },
  { id: "1.4", what: "router -> adapter A: Estimate", holds: (e) => call(e, "estimate", "persona") },
  { id: "1.5", what: "router -> adapter B: Estimate", holds: (e) => call(e, "estimate", "librarian") },
  {
    id: "1.6-7",
    what: "adapters -> router: tokens, usd, confidence",
    holds: (e) => {
      const estimates = e.explained.candidates.map(({ adapter, estimate }) => ({ adapter, estimate }));
      must(
        estimates.length >= 2 && estimates.every(({ estimate }) => estimate !== undefined),
        `estimates are ${JSON.stringify(estimates)}`,
      );
      return estimates
        .map(({ adapter, estimate: { in_tokens, out_tokens, usd_micros, confidence } = {} }) => {
          must(
            [in_tokens, out_tokens, usd_micros, confidence].every((n) => typeof n === "number"),
            `the estimate of ${adapter} lacks a number`,
          );
          return `${adapter} ${in_tokens} + ${out_tokens} tokens, ${usd_micros} micro-dollars, confidence ${confidence}`;
        })
        .join("; ");
    },
  },
  {
    id: "1.8",
    what: "router: admit by the window",
    holds: (e) => {
      must(e.tooSmall.code === "EBUDGET", `a window of 1 token ended with ${e.tooSmall.code}`);
      return `a window of 1 token is refused with ${e.tooSmall.code}, a wide one is admitted`;
    },
  },
  { id: "1.9", what: "router -> adapter A: Stream", holds: (e) => call(e, "chat", "persona") },
  { id: "1.10", what: "router -> adapter B: Stream", holds: (e) => call(e, "chat", "librarian") },
  {
    id: "1.11",
    what: "router -> memory: GET",
    holds: (e, { memoryAnswers }) => {
      const read = memoryAnswers.find(({ method, path }) => method === "GET" && path.endsWith(e.memory.readPath));
      must(read?.status === 200, `the gateway answered ${JSON.stringify(read)}`);
      return `GET ${read.path} 200`;
    },
  },
  {
    id: "1.12",
    what: "memory -> router: context",
    holds: (e) => {
      must(e.qa.telemetry["memory"] !== undefined, `telemetry is ${JSON.stringify(e.qa.telemetry)}`);
      return JSON.stringify(e.qa.telemetry["memory"]);
    },
  },
  { id: "1.13", what: "adapter A -> router: chunks", holds: (e) => chunksOf(e, "persona") },
  { id: "1.14", what: "adapter B -> router: chunks", holds: (e) => chunksOf(e, "librarian") },
  {
    id: "1.15",
    what: "router: consensus",
    holds: (e) => {
      const { consensus } = e.qa.final;
      must(typeof consensus?.agreement === "number", "FINAL has no agreement");
      return `agreement ${consensus.agreement}, support ${consensus.support?.join(", ") ?? ""}`;
    },
  },
  { id: "1.16", what: "router -> client: PARTIAL", holds: sent },
  {
    id: "1.17-18",
    what: "adapters -> router: finals",
    holds: (e) => {
      const weights = e.qa.final.consensus?.weights ?? {};
      must(Object.keys(weights).length >= 2, `weights are ${JSON.stringify(weights)}`);
      return Object.keys(weights).join(", ");
    },
  },
  {
    id: "1.19",
    what: "router: champion and challenger",
    holds: (e) => {
      must(e.review.escalations >= 1, "a cascade that is never sure did not escalate");
      return `${e.review.escalations} escalation`;
    },
  },
  {
    id: "1.20",
    what: "router -> client: FINAL and telemetry",
    holds: (e) => {
      const { tokens, usd, latency_ms: latency } = e.qa.telemetry;
      must(
        [tokens, usd, latency].every((n) => typeof n === "number"),
        "telemetry lacks tokens, usd or latency_ms",
      );
      return `${String(tokens)} tokens, ${String(usd)} micro-dollars, ${String(latency)} ms`;
    },
  },
  {
    id: "1.21",
    what: "router -> client: ERROR",
    holds: (e) => {
      must(e.denied.code === "EPOLICY" && e.tooSmall.code === "EBUDGET", `${e.denied.code}, ${e.tooSmall.code}`);
      return "EPOLICY of policy, EBUDGET of the window";
    },
  },
  { id: "2.ws", what: "client - ws - router", holds: sent },
  {
    id: "2.grpc",
    what: "router - gRPC - adapters",
    holds: async (_e, stack) => {
      const health = await stackJson(stack, "/adapters/health");
      const up = JSON.stringify(health);
      must(
        stack.adapters.every((name) => up.includes(`"${name}"`)),
        `/adapters/health is ${up}`,
      );
      return stack.adapters.join(", ");
    },
  },
  {
    id: "2.memory",
    what: "router - HTTP - memory gateway",
    holds: (e, { memoryAnswers }) => {
      must(e.memory.stored?.["answer"] === e.qa.final.answer, "the stored answer is another one");
      const put = memoryAnswers.find(({ method, path }) => method === "PUT" && path.endsWith(e.memory.writePath));
      must(put !== undefined && put.status < 300, `the gateway answered ${JSON.stringify(put)}`);
      return `PUT ${put.path} ${put.status}`;
    },
  },
  {
    id: "2.policy",
    what: "router - policy server",
    holds: async (_e, stack) => {
      const ready = (await stackJson(stack, "/readyz")) as { checks?: Readonly<Record<string, { ok: boolean }>> };
      must(ready.checks?.["policy"]?.ok === true, `/readyz is ${JSON.stringify(ready)}`);
      return "ready, and asked above";
    },
  },
  {
    id: "2.otel",
    what: "router - OpenTelemetry",
    holds: (_e, { sink }) => {
      must(sink.spans.length > 0, "no spans came");
      return `${sink.spans.length} spans, ${sink.metrics.size} metrics`;
    },
  },
  {
    id: "2.prom",
    what: "Prometheus - router",
    holds: async (e, { prometheusUrl }) => {
      if (prometheusUrl === undefined) return { notRun: "no prometheus on PATH" };
      must(e.scraped >= 1, "Prometheus has no atp_streams_total");
      return `atp_streams_total is ${e.scraped} there`;
    },
  },
  {
    id: "2.grafana",
    what: "Grafana - router metrics",
    holds: () => ({ notRun: "Grafana is not started here; a test runs its dashboard's queries on Prometheus" }),
  },
  {
    id: "7.1",
    what: "frontend opens a socket and sends a SYN of code_review",
    holds: (e) => {
      must(e.review.tokens > 0 && e.review.tokens <= 50_000, `it used ${e.review.tokens} tokens`);
      return `stream ${e.review.streamId}, ${e.review.tokens} of 50000 tokens`;
    },
  },
  {
    id: "7.2",
    what: "router validates the OIDC token, policy, memory",
    holds: (e) => {
      must(e.refused.none === "EAUTH", `without a token: ${e.refused.none}`);
      must(e.refused.expired === "EAUTH", `with an expired token: ${e.refused.expired}`);
      must(e.refused.foreign === "ESEC", `memory of another tenant: ${e.refused.foreign}`);
      return "no token and an expired one EAUTH, memory of another tenant ESEC";
    },
  },
  {
    id: "7.3",
    what: "estimates over the window are clipped or declined",
    holds: (e) => {
      must(e.tooSmall.code === "EBUDGET", `a window of 1 token ended with ${e.tooSmall.code}`);
      const { ended, tokens, windowTokens, fullTokens } = e.clipped;
      must(ended === "agent.result.final", `a window of ${windowTokens} tokens ended with ${ended}`);
      must(
        tokens <= windowTokens && fullTokens > windowTokens,
        `it used ${tokens} of ${windowTokens}, the full answer ${fullTokens}`,
      );
      return `clipped to ${tokens} tokens by a window of ${windowTokens}, where the full answer takes ${fullTokens}; declined: ${e.tooSmall.message}`;
    },
  },
  {
    id: "7.4",
    what: "the cheap one first, the other on deck",
    holds: (e) => {
      must(e.review.order[0] === "librarian", `the first to answer is ${e.review.order.join(", ")}`);
      return e.review.order.join(", then ");
    },
  },
  {
    id: "7.5",
    what: "PARTIALs stream, low confidence escalates",
    holds: (e) => {
      must(e.review.partials > 0 && e.review.escalations >= 1, "there was no PARTIAL or no escalation");
      return `${e.review.partials} PARTIALs, ${e.review.escalations} escalation`;
    },
  },
  {
    id: "7.6",
    what: "FINAL with telemetry; artifacts in memory",
    holds: (e) => {
      must(e.memory.stored?.["provenance"] !== undefined, "what is stored has no provenance");
      must(e.memory.found, "a search does not find what was stored");
      return `stored with provenance, found by a search`;
    },
  },
];

async function stackJson(stack: Stack, path: string): Promise<unknown> {
  const response = await fetch(`${stack.routerUrl}${path}`, {
    headers: { authorization: `Bearer ${stack.observerKey}` },
  });
  if (!response.ok) throw new AtpError("EINTERNAL", `${path} answered ${response.status}`);
  return response.json();
}
