/** Whether each query that the project ships has data in a Prometheus that scraped a running router. */
import { readFileSync } from "node:fs";
import { createClient, isAtpError } from "atp-client";
import { parse } from "yaml";
import { projectFile } from "../harness/children.js";
import type { RunningStack } from "./run.js";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[];
  }[];
}
interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

/** A query and what it is for. */
interface Query {
  readonly name: string;
  readonly expr: string;
}

/** What came of the queries. */
export interface Queried {
  readonly rules: number;
  readonly panels: number;
  /** Names of those without data. */
  readonly empty: readonly string[];
  /** Rules that Prometheus itself could not evaluate. */
  readonly broken: readonly string[];
  readonly version: string;
}

/** How long a query may wait for the next scrapes. */
const PATIENCE_MS = 15_000;
const ASK_AGAIN_MS = 250;

/** An alert is silent while all is well: what it compares must have data, the comparison itself need not. */
const withoutLimit = (expr: string): string => expr.replace(/ [<>] [\d.]+$/, "");

/** Every rule and every panel of the shipped files. */
export function shippedQueries(): { readonly rules: readonly Query[]; readonly panels: readonly Query[] } {
  const file = (path: string): string => readFileSync(projectFile(`examples/deploy/${path}`), "utf8");
  const rules = (parse(file("prometheus/rules.yaml")) as Rules).groups.flatMap((group) => group.rules);
  const { panels } = JSON.parse(file("grafana/atp-router.json")) as Dashboard;
  return {
    rules: rules.map(({ record, alert, expr }) => ({ name: record ?? alert ?? expr, expr: withoutLimit(expr) })),
    panels: panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ name: title, expr: expr.replaceAll("$__rate_interval", "1m") })),
    ),
  };
}

/** Questions that move every counter: answered with memory, escalated, denied, refused by the window. */
async function askAround({ urls, token }: RunningStack): Promise<void> {
  await using client = createClient({ url: `${(urls.get("router") ?? "").replace(/^http/, "ws")}/ws`, token });
  const memory = { namespace: "acme/bench/stack", read: ["context"], write: "answer" };
  await client.stream("How is a budget kept?", { taskType: "qa", qos: "gold", memory }).final();
  await client.stream("Review how a hold is settled.", { taskType: "code_review", qos: "silver" }).final();
  await client.stream("What is a lane?", { taskType: "qa", qos: "bronze" }).final();
  const refused = async (given: Parameters<typeof client.stream>[1]): Promise<string> => {
    const run = client.stream("How is a budget kept?", given);
    try {
      await run.final();
      return "final";
    } catch (error) {
      if (isAtpError(error)) return error.code;
      throw error;
    }
  };
  const codes = [await refused({ tools: ["shell.exec"] }), await refused({ window: { max_tokens: 1 } })];
  if (codes.join() !== "EPOLICY,EBUDGET") throw new Error(`the stack refused with ${codes.join(", ")}`);
}

/** Asks the stack some questions, twice, so that every rate has two scrapes that differ, then runs the queries. */
export async function queried(stack: RunningStack): Promise<Queried | undefined> {
  const url = stack.urls.get("prometheus");
  if (url === undefined) return undefined;
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}${path}`);
    if (!response.ok) throw new Error(`Prometheus answered ${response.status} to ${path}`);
    return ((await response.json()) as { readonly data: T }).data;
  };
  const hasData = async ({ expr }: Query, deadline: number): Promise<boolean> => {
    for (;;) {
      const path = `/api/v1/query?query=${encodeURIComponent(expr)}`;
      const { result } = await get<{ readonly result: readonly unknown[] }>(path);
      if (result.length > 0 || performance.now() > deadline) return result.length > 0;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  };
  const { rules, panels } = shippedQueries();
  await askAround(stack);
  // A counter that begins within the range has no rate before its second sample.
  await hasData({ name: "", expr: "sum(atp_streams_total) > 0" }, performance.now() + PATIENCE_MS);
  await askAround(stack);
  const deadline = performance.now() + PATIENCE_MS;
  const all = [...rules, ...panels];
  const found = await Promise.all(all.map((query) => hasData(query, deadline)));
  const { groups } = await get<{ groups: { rules: { name: string; health: string }[] }[] }>("/api/v1/rules");
  const loaded = groups.flatMap((group) => group.rules);
  return {
    rules: rules.length,
    panels: panels.length,
    empty: all.filter((_, i) => found[i] !== true).map(({ name }) => name),
    broken: rules.map(({ name }) => name).filter((name) => loaded.find((one) => one.name === name)?.health !== "ok"),
    version: (await get<{ version: string }>("/api/v1/status/buildinfo")).version,
  };
}
