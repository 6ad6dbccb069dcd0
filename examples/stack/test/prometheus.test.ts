import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { Processes } from "../../demo/src/processes.js";
import { runChecks } from "../src/checks.js";
import { onPath } from "../src/servers.js";
import { type Stack, startStack } from "../src/stack.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const file = (path: string): string => readFileSync(`${root}examples/deploy/${path}`, "utf8");

interface Rules {
  readonly groups: readonly { readonly rules: readonly { record?: string; alert?: string; expr: string }[] }[];
}
interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const rules = (parse(file("prometheus/rules.yaml")) as Rules).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(file("grafana/atp-router.json")) as Dashboard;
/** An alert is silent when all is well: what it compares must have data, the comparison itself need not. */
const withoutLimit = (expr: string): string => expr.replace(/ [<>] [\d.]+$/, "");
const queries: readonly (readonly [string, string])[] = [
  ...rules.map((rule) => [rule.record ?? rule.alert ?? "", withoutLimit(rule.expr)] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
];

const missing = !onPath("prometheus") && process.env["ATP_REQUIRE_ALL"] !== "1";

describe.skipIf(missing)(`a Prometheus that scraped a stack${missing ? " (prometheus is not installed)" : ""}`, () => {
  const processes = new Processes(root);
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack(processes, root);
    const lines: string[] = [];
    const { failed } = await runChecks(stack, (line) => lines.push(line));
    if (failed > 0) throw new Error(lines.join("\n"));
    // Rates need two scrapes; the second question moves every counter.
    await runChecks(stack, () => undefined);
  }, 60_000);
  afterAll(async () => {
    await processes.stop();
    await stack.close();
  });

  const ask = async (path: string): Promise<unknown> => {
    if (stack.prometheusUrl === undefined) throw new Error("the stack has no Prometheus");
    const response = await fetch(`${stack.prometheusUrl}${path}`);
    expect(response.status).toBe(200);
    return ((await response.json()) as { data: unknown }).data;
  };

  it.each(queries)("%s has data: %s", async (_title, expr) => {
    const query = encodeURIComponent(expr.replaceAll("$__rate_interval", "1m"));
    const deadline = performance.now() + 10_000;
    let result: readonly unknown[] = [];
    // Each scrape is a second after the last: data comes with the next ones.
    while (result.length === 0 && performance.now() < deadline) {
      ({ result } = (await ask(`/api/v1/query?query=${query}`)) as { result: readonly unknown[] });
      if (result.length === 0) await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect(result).not.toEqual([]);
  });

  it("loads every rule and finds none in error", async () => {
    const { groups } = (await ask("/api/v1/rules")) as { groups: { rules: { name: string; lastError?: string }[] }[] };
    const loaded = groups.flatMap((group) => group.rules);
    expect(loaded.map(({ name }) => name).sort()).toEqual(rules.map((rule) => rule.record ?? rule.alert ?? "").sort());
    expect(loaded.filter(({ lastError }) => lastError !== undefined && lastError !== "")).toEqual([]);
  });
});
